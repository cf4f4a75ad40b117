"""Living through a sequence of steps, and writing down each promise that was made."""

import asyncio
import random
from dataclasses import dataclass, field

from shoal.base.digests import sha256
from shoal.base.ids import ReplicaId, SessionId, mint_chunk_id
from shoal.ports.engine import Tx
from shoal.testing.crash.machine import SMALL_BYTES_MAX, Machine, start
from shoal.testing.crash.promises import Promises, Span
from shoal.testing.crash.step import Sequence, Step
from shoal.testing.sim.disk import DiskOperation, SimDisk

FIRST_KEY = b""
LAST_KEY = b"\xff" * 22
_SESSION = SessionId(7)
_SMALLEST = 33
_LARGE_BYTES = 2 * SMALL_BYTES_MAX + 111


@dataclass(slots=True)
class Life:
    """I go through steps on one recorded disk."""

    with_catalog: bool
    disk: SimDisk = field(default_factory=lambda: SimDisk(random.Random(0), record=True))
    promises: Promises = field(default_factory=Promises)
    last_step_from: int = 0
    """The operation behind which the last step began."""
    _chunks: int = 0
    _current: dict[int, ReplicaId] = field(default_factory=dict)
    _starts: int = 0

    @property
    def journal(self) -> list[DiskOperation]:
        """All that the disk was asked."""
        return self.disk.journal

    async def run(self, sequence: Sequence) -> None:
        """From an empty disk through all steps, then killed."""
        machine = await self.start()
        for step in sequence:
            self.last_step_from = self.disk.operations
            machine = await self.take(step, machine)
        await machine.kill()

    async def start(self) -> Machine:
        """Begin, or begin again. Raises: what `machine.start` raises."""
        self._starts += 1
        return await start(self.disk, with_catalog=self.with_catalog, seed=self._starts)

    async def take(self, step: Step, machine: Machine) -> Machine:
        """One step; the machine as it is behind it. Raises: what the product says to whoever asked it to."""
        match step:
            case Step.RESTART:
                await machine.stop()
                return await self.start()
            case Step.KILL:
                await machine.kill()
                return await self.start()
            case Step.PUT | Step.LARGE:
                await self._create(machine, is_large=step is Step.LARGE)
            case Step.TOGETHER:
                puts = [self._create(machine, is_large=False) for _ in range(2)]
                ends = await asyncio.gather(*puts, return_exceptions=True)
                for end in ends:
                    if end is not None:
                        raise end
            case Step.ROTATE:
                machine.whims.ask_for("store.rotate_early")
                await self._create(machine, is_large=False)
            case Step.CHECKPOINT:
                machine.whims.ask_for("engine.checkpoint_early")
                await self._commit(machine, b"checkpoint", str(self.disk.operations).encode())
            case Step.OVERWRITE | Step.DELETE | Step.QUARANTINE:
                if self._current:
                    await self._replace(machine, min(self._current), step)
        return machine

    async def _create(self, machine: Machine, *, is_large: bool) -> None:
        self._chunks += 1
        number = self._chunks
        await self._place(machine, number, ReplicaId(mint_chunk_id(_SESSION, number), 0, 1), is_large=is_large)

    async def _replace(self, machine: Machine, number: int, step: Step) -> None:
        old = self._current[number]
        if step is Step.DELETE:
            del self._current[number]
            await self._commit(machine, _row_of(number), None)
        else:
            is_large = len(self.promises.contents[old]) > SMALL_BYTES_MAX
            await self._place(machine, number, old._replace(placement=old.placement + 1), is_large=is_large)
        if step is Step.QUARANTINE:
            # It holds from the moment that it is asked for, before anything is written.
            span = self.promises.quarantines[old] = Span(self.disk.operations - 1)
        else:
            span = Span(self.disk.operations)
        self.promises.removals[old] = span
        await (machine.store.quarantine(old) if step is Step.QUARANTINE else machine.store.delete(old))
        span.ended = self.disk.operations

    async def _place(self, machine: Machine, number: int, replica: ReplicaId, *, is_large: bool) -> None:
        """A replica, its receipt, and only then the commit that names it."""
        seed = number << 8 | replica.placement
        size = _LARGE_BYTES if is_large else _SMALLEST + seed * 37 % (SMALL_BYTES_MAX - _SMALLEST)
        data = self.promises.contents[replica] = random.Random(seed).randbytes(size)
        span = self.promises.puts[replica] = Span(self.disk.operations)
        await put(machine, replica, data)
        span.ended = self.disk.operations
        self._current[number] = replica
        await self._commit(machine, _row_of(number), replica.address.encode())

    async def _commit(self, machine: Machine, key: bytes, value: bytes | None) -> None:
        if machine.engine is None:
            return
        span = Span(self.disk.operations)

        def change(tx: Tx) -> int:
            tx.delete(key) if value is None else tx.put(key, value)
            self.promises.states[tx.commit_number] = tx.scan(FIRST_KEY, LAST_KEY, limit=1000)
            self.promises.commits[tx.commit_number] = span
            return tx.commit_number

        await machine.engine.tx(change)
        span.ended = self.disk.operations


def _row_of(number: int) -> bytes:
    return b"chunk/%06d" % number


async def put(machine: Machine, replica: ReplicaId, data: bytes) -> None:
    """Store a replica, in two frames."""
    writer = await machine.store.create(replica, stored_bytes=len(data))
    half = len(data) // 2
    await writer.write(data[:half])
    await writer.write(data[half:])
    await writer.finish(sha256(data))
