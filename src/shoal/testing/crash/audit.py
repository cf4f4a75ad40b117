"""What is left of a disk, recovered by the product and held against what was promised."""

from dataclasses import dataclass

from shoal.base.errors import ShoalError
from shoal.base.ids import ReplicaId, SessionId, mint_chunk_id, parse_replica
from shoal.engine.sqlite import SqliteEngine
from shoal.ports.engine import Row, Snapshot, Tx
from shoal.store.disk import DiskStore
from shoal.testing.crash.life import FIRST_KEY, LAST_KEY, put
from shoal.testing.crash.machine import RECOVERY_SEED, Machine, start
from shoal.testing.crash.promises import PromiseBroken, Promises
from shoal.testing.sim.disk import SimDisk

_AFTER = ReplicaId(mint_chunk_id(SessionId(8), 1), 0, 1)
_REPLICAS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Audit:
    """I judge disks by the books of one life."""

    promises: Promises
    with_catalog: bool

    async def judge(self, disk: SimDisk, operation: int) -> None:
        """`disk` is what a cut behind so many operations left. Raises: PromiseBroken."""
        try:
            await self._judge(disk, operation)
        except ShoalError as exc:
            raise PromiseBroken(f"recovery fails: {type(exc).__name__}: {exc} {exc.facts}") from exc

    async def _judge(self, disk: SimDisk, operation: int) -> None:
        machine = await start(disk, with_catalog=self.with_catalog, seed=RECOVERY_SEED)
        try:
            await self.judge_running(machine, operation)
            await _go_on(machine)
        finally:
            await machine.kill()

    async def judge_running(self, machine: Machine, operation: int) -> None:
        """The same of a machine that is up. Raises: PromiseBroken, and what reading raises."""
        held = await _held(machine.store)
        self.promises.judge_replicas(held, operation)
        self.promises.judge_quarantine(machine.store.quarantined(), operation)
        _require_no_damage(machine.store)
        if machine.engine is not None:
            await self._judge_catalog(machine.engine, held, operation)

    async def _judge_catalog(self, engine: SqliteEngine, held: dict[ReplicaId, bytes], operation: int) -> None:
        number, rows = await engine.read(_look)
        self.promises.judge_catalog(number, rows, operation)
        for key, value in rows:
            if key.startswith(b"chunk/") and parse_replica(value.decode()) not in held:
                raise PromiseBroken(f"the catalog names {value.decode()}, which the store has lost")


def _look(snapshot: Snapshot) -> tuple[int, list[Row]]:
    return snapshot.commit_number, snapshot.scan(FIRST_KEY, LAST_KEY, limit=_REPLICAS_MAX)


async def _held(store: DiskStore) -> dict[ReplicaId, bytes]:
    held: dict[ReplicaId, bytes] = {}
    for replica in store.replicas(after=None, limit=_REPLICAS_MAX):
        reader = await store.open(replica)
        held[replica] = await reader.read(0, reader.info.stored_bytes)
        await reader.close()
    return held


def _require_no_damage(store: DiskStore) -> None:
    """A cut tears what was never acknowledged; it damages nothing."""
    if not all(damage.length for damage in store.damaged_ranges()):
        raise PromiseBroken("an unfinished segment was taken for one that was cut")


async def _go_on(machine: Machine) -> None:
    """A recovered machine takes the next replica and the next commit."""
    await put(machine, _AFTER, b"the machine goes on")
    if await machine.store.stat(_AFTER) is None:
        raise PromiseBroken("what was stored after the cut is not found")
    if machine.engine is not None:
        before = await machine.engine.read(lambda snapshot: snapshot.commit_number)
        if await machine.engine.tx(_note) != before + 1:
            raise PromiseBroken("the commit after the cut has the wrong number")


def _note(tx: Tx) -> int:
    tx.put(b"after", b"the cut")
    return tx.commit_number
