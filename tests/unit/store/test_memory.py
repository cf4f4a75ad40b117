"""The volatile store; what it shares with the others is in the contract suite."""

import pytest

from shoal.base.errors import StorageFull
from shoal.base.units import GIB
from shoal.store.memory import MemoryStore
from shoal.store.settings import StoreSettings
from support.stores import put, replica


async def test_it_says_that_it_is_volatile() -> None:
    assert MemoryStore().is_volatile


async def test_its_capacity_is_a_gibibyte_unless_set() -> None:
    assert (await MemoryStore().usage()).capacity_bytes == GIB
    store = MemoryStore(StoreSettings(capacity_bytes=10))
    await put(store, replica(1), b"123456")
    with pytest.raises(StorageFull):
        await store.create(replica(2), stored_bytes=5)
    await store.delete(replica(1))
    await put(store, replica(2), b"12345")
    assert (await store.usage()).used_bytes == 5


async def test_quarantined_bytes_are_still_counted() -> None:
    store = MemoryStore()
    await put(store, replica(1), b"123456")
    await store.quarantine(replica(1))
    assert (await store.usage()).used_bytes == 6
    await store.delete(replica(1))
    assert (await store.usage()).used_bytes == 0
