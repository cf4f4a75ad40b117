"""Calls of all kinds on one chunk store, many at once and some cancelled: none leaves anything behind."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from shoal.base.digests import sha256
from shoal.base.env import File, OpenMode
from shoal.base.errors import CallerError, TransientError
from shoal.base.ids import ReplicaId
from shoal.store import layout
from shoal.store.disk import DiskStore
from shoal.testing.sim.disk import FaultKind, OperationKind, SimDisk
from support.stores import content, open_store, replica

CALLS = 120
NUMBERS = 25


class CountingDisk(SimDisk):
    """A disk whose calls take some turns of the loop, and which knows what is open."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.turns = rng
        self.open_files: list[str] = []

    async def wait(self, kind: OperationKind) -> None:
        for _ in range(self.turns.randrange(3)):
            await asyncio.sleep(0)

    async def open(self, path: str, mode: OpenMode) -> File:
        file = await super().open(path, mode)
        self.open_files.append(path)
        closing, is_open = file.close, True

        async def close() -> None:
            nonlocal is_open
            await closing()
            if is_open:
                is_open = False
                self.open_files.remove(path)

        file.close = close  # type: ignore[method-assign]
        return file


async def stored(store: DiskStore, address: ReplicaId, data: bytes) -> None:
    writer = await store.create(address, stored_bytes=len(data))
    try:
        await writer.write(data[:500])
        await writer.write(data[500:])
        await writer.finish(sha256(data))
    finally:
        await writer.abandon()


async def bytes_of(store: DiskStore, address: ReplicaId) -> bytes:
    reader = await store.open(address)
    try:
        return await reader.read(0, reader.info.stored_bytes)
    finally:
        await reader.close()


def drawn_call(store: DiskStore, rng: random.Random) -> Awaitable[object]:
    """One call of a port, on one of a few addresses."""
    number = rng.randrange(NUMBERS)
    address = replica(number, placement=rng.randint(1, 2))
    calls: list[Callable[[ReplicaId], Awaitable[object]]] = [
        lambda address: stored(store, address, content(number, number * 61)),
        lambda address: bytes_of(store, address),
        store.delete,
        store.quarantine,
        store.note_lost,
        store.stat,
    ]
    (call,) = rng.choices(calls, [8, 6, 3, 1, 1, 1])
    return call(address)


async def cancelled_at_times(store: DiskStore, rng: random.Random) -> None:
    """Many calls, each begun a few turns after the one before it, some of them cancelled a few turns later.

    Raises: whatever a call may not raise.
    """

    async def called() -> None:
        with suppress(CallerError, TransientError):
            await drawn_call(store, rng)

    tasks: list[asyncio.Task[None]] = []
    for _ in range(CALLS):
        tasks.append(asyncio.ensure_future(called()))
        for _ in range(rng.randrange(6)):
            await asyncio.sleep(0)
        if rng.random() < 0.5:
            rng.choice(tasks[-8:]).cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


async def unfinished(disk: SimDisk) -> list[str]:
    return [
        name
        for directory in await disk.list(layout.FILES)
        for name in await disk.list(f"{layout.FILES}/{directory}")
        if name.endswith(layout.UNFINISHED)
    ]


@pytest.mark.parametrize("is_full_at_times", [False, True])
@pytest.mark.parametrize("seed", range(10))
async def test_calls_that_end_or_are_cancelled_leave_nothing_behind(seed: int, is_full_at_times: bool) -> None:
    rng = random.Random(seed)
    disk = CountingDisk(rng)
    store = await open_store(disk)
    if is_full_at_times:
        disk.fail(FaultKind.NO_SPACE, rng.randrange(100), times=rng.randint(1, 4))
    await cancelled_at_times(store, rng)
    disk.faults.clear()
    usage, held = await store.usage(), store.replicas(after=None, limit=2 * NUMBERS)
    assert usage.can_write
    assert usage.free_bytes == (await disk.space()).free_bytes, "space is still promised to somebody"
    assert usage.replica_count == len(held)
    await store.close()
    assert disk.open_files == []
    assert await unfinished(disk) == []
    again = await open_store(disk, seed=2)
    assert again.replicas(after=None, limit=2 * NUMBERS) == held
    for address in held:
        number = int.from_bytes(address.chunk[8:], "big")
        assert await bytes_of(again, address) == content(number, number * 61)
    await again.close()
