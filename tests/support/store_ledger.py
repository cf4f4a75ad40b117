"""What a store promised, and when: the judge of what is found after a crash."""

from dataclasses import dataclass, field

import pytest

from shoal.base.errors import AlreadyExists
from shoal.base.ids import ReplicaId
from shoal.store.disk import DiskStore
from shoal.testing.sim.disk import SimDisk
from support.stores import get, put

NEVER = 1 << 60


@dataclass
class Span:
    """A call, in operations of the disk: before `begun` it had no effect, from `ended` on it must be seen."""

    begun: int
    ended: int = NEVER


@dataclass
class Ledger:
    """I make calls and write down when they were acknowledged."""

    disk: SimDisk
    contents: dict[ReplicaId, bytes] = field(default_factory=dict)
    puts: dict[ReplicaId, Span] = field(default_factory=dict)
    removals: dict[ReplicaId, Span] = field(default_factory=dict)
    """Deletes and quarantines: both end the life of an address."""
    quarantines: set[ReplicaId] = field(default_factory=set)

    async def put(self, store: DiskStore, address: ReplicaId, data: bytes) -> None:
        """Store a replica, in two frames."""
        self.contents[address] = data
        span = self.puts[address] = Span(self.disk.operations)
        await put(store, address, data, frames=[len(data) // 2])
        span.ended = self.disk.operations

    async def delete(self, store: DiskStore, address: ReplicaId) -> None:
        """Remove a replica."""
        span = self.removals[address] = Span(self.disk.operations)
        await store.delete(address)
        span.ended = self.disk.operations

    async def quarantine(self, store: DiskStore, address: ReplicaId) -> None:
        """Put a replica out of service."""
        self.quarantines.add(address)
        span = self.removals[address] = Span(self.disk.operations)
        await store.quarantine(address)
        span.ended = self.disk.operations

    async def judge(self, store: DiskStore, crash: int = NEVER - 1) -> list[ReplicaId]:
        """Check a store that was recovered from a crash behind so many operations, or at the end; what it holds."""
        held = store.replicas(after=None, limit=1000)
        for address in held:
            assert await get(store, address) == self.contents[address], address
        for address, span in self.puts.items():
            removal = self.removals.get(address, Span(NEVER))
            if span.ended <= crash <= removal.begun:
                assert address in held, f"{address} was acknowledged and is lost"
        for address, span in self.removals.items():
            if span.ended <= crash:
                assert address not in held, f"{address} was removed and is back"
                with pytest.raises(AlreadyExists):
                    await store.create(address, stored_bytes=1)
                assert (address in store.quarantined()) == (address in self.quarantines)
        return held
