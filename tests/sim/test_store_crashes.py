"""Every crash point of the store's own operations, on a disk that forgets what was not synced.

One run is recorded; then the disk is rebuilt as a power cut behind each of its operations would leave it, in each
pattern of what survives, and must recover to what the ledger says.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest

from shoal.base.errors import DiskFailed
from shoal.store.disk import DiskStore
from shoal.testing.sim.disk import FaultKind, PowerCut, Survival
from support.store_ledger import Ledger
from support.stores import content, get, new_disk, open_store, put, replica, stop

LARGE = 2000
AFTER_CRASH = 900


async def first_life(ledger: Ledger, store: DiskStore) -> None:
    """Small and large puts, alone and together, removals, and enough to fill a segment."""
    await ledger.put(store, replica(1), content(1, 100))
    await ledger.put(store, replica(2), content(2, 600))
    await asyncio.gather(*(ledger.put(store, replica(number), content(number, 300)) for number in (3, 4, 5)))
    await ledger.put(store, replica(10), content(10, LARGE))
    await ledger.put(store, replica(11), content(11, LARGE + 3))
    await ledger.delete(store, replica(1))
    await ledger.delete(store, replica(10))
    await ledger.quarantine(store, replica(2))
    await asyncio.gather(*(ledger.put(store, replica(number), content(number, 550)) for number in range(20, 28)))
    await ledger.put(store, replica(12), b"")
    await ledger.quarantine(store, replica(11))


async def second_life(ledger: Ledger, store: DiskStore) -> None:
    """What comes after a clean stop."""
    await ledger.put(store, replica(30), content(30, 200))
    await ledger.put(store, replica(31), content(31, LARGE))
    await ledger.delete(store, replica(20))
    await ledger.delete(store, replica(31))
    await ledger.put(store, replica(32), content(32, 600))


async def recorded() -> Ledger:
    """Two lives of a store, the first one stopped cleanly."""
    ledger = Ledger(new_disk(record=True))
    store = await open_store(ledger.disk)
    await first_life(ledger, store)
    await store.close()
    store = await open_store(ledger.disk)
    await second_life(ledger, store)
    await stop()
    assert len(ledger.disk.journal) == ledger.disk.operations > 60
    return ledger


def crashes(ledger: Ledger, *, step: int = 1) -> Iterator[int]:
    return iter(range(0, ledger.disk.operations + 1, step))


@pytest.mark.parametrize("survival", list(Survival))
async def test_a_power_cut_at_any_operation_loses_nothing_acknowledged(survival: Survival) -> None:
    ledger = await recorded()
    for crash in crashes(ledger):
        disk = ledger.disk.image(crash, survival, seed=crash)
        store = await open_store(disk, seed=AFTER_CRASH)
        held = await ledger.judge(store, crash)
        await put(store, replica(AFTER_CRASH), b"the store goes on")
        await store.close()
        again = await open_store(disk, seed=AFTER_CRASH + 1)
        assert again.replicas(after=None, limit=1000) == sorted([*held, replica(AFTER_CRASH)])
        await again.close()


@pytest.mark.parametrize("survival", [Survival.RANDOM, Survival.TORN, Survival.EVERY_OTHER, Survival.ALL_KEPT])
async def test_a_power_cut_during_recovery_loses_nothing_either(survival: Survival) -> None:
    ledger = await recorded()
    for crash in crashes(ledger, step=3):
        disk = ledger.disk.image(crash, survival, seed=crash)
        store = await open_store(disk, seed=AFTER_CRASH)
        held = store.replicas(after=None, limit=1000)
        await stop()
        for second in range(disk.operations + 1):
            twice = disk.image(second, Survival.RANDOM, seed=second)
            store = await open_store(twice, seed=AFTER_CRASH)
            assert await ledger.judge(store, crash) == held
            await stop()


def report_all_but_power_cuts(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A task that ends because the machine does is nobody's to await."""
    if not isinstance(context.get("exception"), PowerCut):
        loop.default_exception_handler(context)


async def one_life(ledger: Ledger, *, closes: bool) -> DiskStore | None:
    """A first life on a disk that may fail; None if not even the start succeeded."""
    store: DiskStore | None = None
    asyncio.get_running_loop().set_exception_handler(report_all_but_power_cuts)
    with suppress(PowerCut, DiskFailed):
        store = await open_store(ledger.disk)
        await first_life(ledger, store)
        if closes:
            await store.close()
    return store


async def judge_twice(ledger: Ledger, survival: Survival) -> None:
    """After a kill, and after a power cut behind that: what the next process found it may have answered for."""
    ledger.disk.faults.clear()
    ledger.disk.process_crash()
    store = await open_store(ledger.disk, seed=AFTER_CRASH)
    held = await ledger.judge(store)
    await stop()
    ledger.disk.power_cycle(survival)
    store = await open_store(ledger.disk, seed=AFTER_CRASH + 1)
    assert await ledger.judge(store) == held
    await store.close()


@pytest.mark.parametrize("survival", [Survival.ALL_LOST, Survival.RANDOM])
async def test_what_is_found_after_a_kill_survives_a_power_cut(survival: Survival) -> None:
    for operation in range(1, 1000):
        ledger = Ledger(new_disk())
        ledger.disk.crash_after(operation)
        await one_life(ledger, closes=True)
        await stop()
        if not ledger.disk.is_off:
            break
        await judge_twice(ledger, survival)
    assert operation > 60


async def fates(kind: FaultKind) -> AsyncIterator[tuple[Ledger, DiskStore | None]]:
    """A life for each call that `kind` can hit, in which it does."""
    for index in range(1000):
        ledger = Ledger(new_disk())
        ledger.disk.fail(kind, index)
        store = await one_life(ledger, closes=False)
        if not ledger.disk.faults.fired:
            break
        yield ledger, store
        await stop()
    assert index > 15


@pytest.mark.parametrize("kind", [FaultKind.SYNC_EIO, FaultKind.WRITE_EIO])
async def test_after_any_failed_write_nothing_is_acknowledged(kind: FaultKind) -> None:
    async for ledger, store in fates(kind):
        if store is not None:
            assert (await store.usage()).is_failed
            for number in (800, 801):
                with pytest.raises(DiskFailed):
                    await put(store, replica(number), content(number, 300 * (number - 799) ** 3))
            held = store.replicas(after=None, limit=1)
            if held:
                assert await get(store, held[0]) == ledger.contents[held[0]]
                with pytest.raises(DiskFailed):
                    await store.delete(held[0])
        await stop()
        await judge_twice(ledger, Survival.ALL_LOST)
