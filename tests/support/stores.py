"""Volumes on simulated disks for tests of the chunk store: tiny limits, a log that remembers, replicas in a line."""

import asyncio
import random
from collections.abc import Sequence

from shoal.base.digests import sha256
from shoal.base.env import Env
from shoal.base.errors import ShoalError
from shoal.base.ids import NodeId, ReplicaId, SessionId, mint_chunk_id
from shoal.ports.chunk_store import ChunkStore, StoredReplica
from shoal.store.disk import DiskStore, open_disk_store
from shoal.store.settings import StoreSettings
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import sim_env

NODE = NodeId("ab" * 16)
STORE_UUID = bytes(range(16))

TINY = StoreSettings(
    small_bytes_max=600,
    segment_bytes_min=8192,
    segment_bytes_max=16384,
    batch_bytes_max=2048,
    queue_bytes_max=4096,
    reserve_bytes_min=0,
    reserve_share=0.0,
    fan_out=2,
    open_segments_max=2,
    scan_window_bytes=4096,
)
"""Replicas over 600 bytes get a file; a segment holds a handful of small ones."""


class EventLog:
    """I remember what was logged."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def debug(self, event: str, **fields: object) -> None:
        """See `Log`."""
        self.events.append((event, fields))

    info = warning = error = debug

    def bind(self, **fields: object) -> "EventLog":
        """See `Log`."""
        return self

    def named(self, event: str) -> list[dict[str, object]]:
        """The fields of each such event."""
        return [fields for name, fields in self.events if name == event]


def replica(number: int, *, placement: int = 1, shard: int = 0) -> ReplicaId:
    """The address of a test's chunk."""
    return ReplicaId(mint_chunk_id(SessionId(7), number), shard, placement)


def content(number: int, size: int) -> bytes:
    """Bytes that tell replicas apart."""
    return random.Random(number).randbytes(size)


def new_disk(*, record: bool = False, capacity_bytes: int | None = None) -> SimDisk:
    """An empty simulated disk."""
    return SimDisk(random.Random(1), record=record, capacity_bytes=capacity_bytes)


def env_on(disk: SimDisk, *, seed: int = 1) -> Env:
    """A world with that disk."""
    return sim_env(disk, random.Random(seed))


async def open_store(
    disk: SimDisk, settings: StoreSettings = TINY, *, log: EventLog | None = None, seed: int = 1
) -> DiskStore:
    """The store of a simulated disk, made or recovered."""
    return await open_disk_store(
        env_on(disk, seed=seed), settings, node_id=NODE, store_uuid=STORE_UUID, log=log or EventLog()
    )


async def put(store: ChunkStore, address: ReplicaId, data: bytes, *, frames: Sequence[int] = ()) -> StoredReplica:
    """Store a replica, cut into frames of these sizes and a last one with the rest."""
    writer = await store.create(address, stored_bytes=len(data))
    try:
        at = 0
        for size in frames:
            await writer.write(data[at : at + size])
            at += size
        await writer.write(data[at:])
        return await writer.finish(sha256(data))
    except ShoalError:
        await writer.abandon()
        raise


async def get(store: ChunkStore, address: ReplicaId) -> bytes:
    """All bytes of a replica, not verified."""
    reader = await store.open(address)
    data = await reader.read(0, reader.info.stored_bytes)
    await reader.close()
    return data


async def stop() -> None:
    """End every process as a crash does, but leave no tasks to the loop of the test."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
