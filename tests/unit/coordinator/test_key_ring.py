"""The ring follows every change before anybody is told of it, and trusts no key whose change it has lost sight of."""

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

import pytest

from shoal.base.errors import AccessDenied, NotFound, OutcomeUnknown, PreconditionFailed, TransientError
from shoal.base.units import SECOND
from shoal.coordinator.key_ring import CatalogKeyRing
from shoal.core.catalog.access_keys import add_key, read_keys
from shoal.core.trust.new_keys import secret_text
from shoal.engine.memory import MemoryEngine
from shoal.model.access_keys import Scope
from shoal.model.messages.keys import CreateKey
from shoal.ports.engine import Snapshot, Tx
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import ManualClock, sim_env
from shoal.wiring.secret_box import AesGcmBox

T = TypeVar("T")

WRITER = CreateKey(name="", scope=Scope.WRITE, buckets=("photos",), lifetime_ns=SECOND)
ADMIN = CreateKey(name="", scope=Scope.ADMIN)


class LossyEngine:
    """An engine whose next transaction is done, or not, and nobody hears of it."""

    def __init__(self, engine: MemoryEngine) -> None:
        self.engine = engine
        self.loses: BaseException | None = None
        self.is_done = True

    async def tx(self, fn: Callable[[Tx], T]) -> T:
        lost, self.loses = self.loses, None
        if lost is None:
            return await self.engine.tx(fn)
        if self.is_done:
            await self.engine.tx(fn)
        raise lost

    async def read(self, fn: Callable[[Snapshot], T]) -> T:
        return await self.engine.read(fn)

    async def close(self) -> None:
        await self.engine.close()


class Bench:
    """A ring over rows in memory, in which `admin` is the first key."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.env = sim_env(SimDisk(random.Random(0)), random.Random(1), clock=self.clock)
        self.engine = LossyEngine(MemoryEngine(self.clock))
        self.box = AesGcmBox(bytes(32), self.env.secrets)
        self.ring = CatalogKeyRing(self.env, self.engine, self.box)

    def restart(self, *, kek: bytes = bytes(32)) -> CatalogKeyRing:
        return CatalogKeyRing(self.env, self.engine, AesGcmBox(kek, self.env.secrets))

    async def create(self, request: CreateKey = WRITER) -> str:
        known, _ = await self.ring.create(request, by="admin")
        return known.key_id


async def open_ring() -> Bench:
    bench = Bench()
    sealed = bench.box.seal(b"secret", context=b"admin")
    wall = bench.clock.wall()
    await bench.engine.tx(lambda tx: add_key(tx, "admin", ADMIN, sealed=sealed, wall=wall))
    await bench.ring.step()
    return bench


async def test_a_key_is_known_as_soon_as_it_is_made() -> None:
    bench = await open_ring()
    known, raw = await bench.ring.create(WRITER, by="admin")
    key = bench.ring.find(known.key_id)
    assert key is not None
    assert (key.key_id, key.secret, key.scope) == (known.key_id, secret_text(raw).encode(), Scope.WRITE)
    assert (key.buckets, key.expires_ns) == (("photos",), bench.clock.wall() + SECOND)


async def test_a_restart_knows_the_same_keys() -> None:
    bench = await open_ring()
    made, gone = await bench.create(), await bench.create()
    await bench.ring.revoke(gone, by="admin")
    again = bench.restart()
    await again.step()
    for key_id in ("admin", made, gone):
        assert again.find(key_id) == bench.ring.find(key_id)
    assert again.find(gone) is None


async def test_every_secret_is_its_own_and_none_lies_open_in_the_rows() -> None:
    bench = await open_ring()
    made = [await bench.ring.create(WRITER, by="admin") for _ in range(20)]
    assert len({raw for _, raw in made}) == len({known.key_id for known, _ in made}) == 20
    stored = b"".join(key + value for key, value in await bench.engine.read(_all_rows))
    assert all(raw not in stored and secret_text(raw).encode() not in stored for _, raw in made)


def _all_rows(snapshot: Snapshot) -> list[tuple[bytes, bytes]]:
    return snapshot.scan(b"\x00", b"\xff", limit=10_000)


async def test_a_revoked_key_is_unknown_at_once() -> None:
    bench = await open_ring()
    made = await bench.create()
    await bench.ring.revoke(made, by="admin")
    assert bench.ring.find(made) is None
    await bench.ring.step()
    assert bench.ring.find(made) is None


async def test_a_refused_revocation_leaves_the_key_as_it_was() -> None:
    bench = await open_ring()
    with pytest.raises(PreconditionFailed):
        await bench.ring.revoke("admin", by="admin")
    with pytest.raises(NotFound):
        await bench.ring.revoke("nobody", by="admin")
    assert bench.ring.find("admin") is not None


@pytest.mark.parametrize("lost", [asyncio.CancelledError(), OutcomeUnknown("lost"), TransientError("closed")])
@pytest.mark.parametrize("is_done", [True, False])
async def test_a_key_whose_revocation_was_lost_sight_of_is_out_until_its_row_is_read(
    lost: BaseException, is_done: bool
) -> None:
    bench = await open_ring()
    made = await bench.create()
    bench.engine.loses, bench.engine.is_done = lost, is_done
    with pytest.raises(type(lost)):
        await bench.ring.revoke(made, by="admin")
    assert bench.ring.find(made) is None
    assert bench.ring.find("admin") is not None
    await bench.ring.step()
    assert (bench.ring.find(made) is None) is is_done


async def test_a_key_whose_making_was_lost_sight_of_is_found_later() -> None:
    bench = await open_ring()
    bench.engine.loses = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await bench.create()
    await bench.ring.step()
    ids = [known.key_id for known in await bench.engine.read(read_keys)]
    assert len(ids) == 2
    assert all(bench.ring.find(key_id) is not None for key_id in ids)


async def test_a_reading_that_failed_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await open_ring()
    again = bench.restart()

    async def fail(fn: object) -> object:
        raise TransientError("busy")

    with monkeypatch.context() as patch:
        patch.setattr(bench.engine, "read", fail)
        with pytest.raises(TransientError):
            await again.step()
    await again.step()
    assert again.find("admin") is not None


async def test_a_key_that_is_revoked_makes_and_revokes_no_other() -> None:
    bench = await open_ring()
    second = await bench.create(ADMIN)
    await bench.ring.revoke(second, by="admin")
    before = await bench.engine.read(_all_rows)
    with pytest.raises(AccessDenied, match="revoked"):
        await bench.ring.create(ADMIN, by=second)
    with pytest.raises(AccessDenied, match="revoked"):
        await bench.ring.revoke("admin", by=second)
    assert await bench.engine.read(_all_rows) == before


async def test_a_key_may_revoke_itself() -> None:
    bench = await open_ring()
    second = await bench.create(ADMIN)
    await bench.ring.revoke(second, by=second)
    assert bench.ring.find(second) is None


async def test_of_two_administrators_who_revoke_each_other_one_stays() -> None:
    bench = await open_ring()
    second = await bench.create(ADMIN)
    results = await asyncio.gather(
        bench.ring.revoke("admin", by=second), bench.ring.revoke(second, by="admin"), return_exceptions=True
    )
    assert sum(isinstance(result, AccessDenied | PreconditionFailed) for result in results) == 1
    assert [bench.ring.find(key_id) for key_id in ("admin", second)].count(None) == 1


async def test_rows_under_another_key_encryption_key_are_refused_in_words() -> None:
    bench = await open_ring()
    with pytest.raises(AccessDenied, match="key-encryption key is not the one") as refused:
        await bench.restart(kek=b"x" * 32).step()
    assert "secret" not in refused.value.facts.values()
