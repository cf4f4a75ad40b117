"""A small volume, its damage bit by bit and cut by cut, and what its store says of it."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shoal.base.digests import sha256
from shoal.base.errors import ChecksumMismatch
from shoal.base.ids import ReplicaId
from shoal.store import layout
from shoal.store.disk import DiskStore
from shoal.testing.sim.disk import SimDisk, Survival
from shoal.testing.sim.platter import Platter
from support.stores import TINY, EventLog, content, get, new_disk, open_store, put, replica, stop

SMALL = replace(TINY, small_bytes_max=64, fan_out=1)
OLD_SEGMENT, NEW_SEGMENT = layout.segment_path(1), layout.segment_path(2)
IN_OLD, IN_NEW, IN_FILES = (1, 2), (11, 12, 13), (21, 22)
DELETED, LAST = replica(4), replica(13)
ALARMS = {
    "segment_cut",
    "segment_unreadable",
    "segment_tail_torn",
    "record_torn",
    "segment_damaged",
    "segment_header_damaged",
    "replica_quarantined",
}


def bytes_of(number: int) -> bytes:
    return content(number, 70 if number in IN_FILES else 20 + number)


async def volume() -> Platter:
    """A sealed segment, one that was being written when the power went, two chunk files, a deletion in each segment."""
    disk = new_disk()
    store = await open_store(disk, SMALL)
    for number in (*IN_OLD, 4, *IN_FILES):
        await put(store, replica(number), bytes_of(number))
    await store.delete(DELETED)
    await store.close()
    store = await open_store(disk, SMALL)
    for number in IN_NEW:
        await put(store, replica(number), bytes_of(number))
    await stop()
    disk.power_cycle(Survival.ALL_LOST)
    return disk.platter


def copy_of(platter: Platter) -> SimDisk:
    """A disk of its own, with the same on it."""
    disk = SimDisk(random.Random(0))
    disk.platter = platter.after_power_loss(Survival.ALL_KEPT, random.Random(0))
    return disk


@dataclass(frozen=True)
class Outcome:
    """What a store says of a damaged volume."""

    lost: frozenset[ReplicaId]
    """Not found at all."""
    reported: frozenset[ReplicaId]
    """Known to be damaged: quarantined, refused on opening, or other bytes than its header says."""
    has_returned: bool
    """The deleted one is back."""
    alarms: frozenset[str]
    has_damage: bool


async def look(disk: SimDisk) -> Outcome:
    """Recover, and read everything as a careful reader does. Wrong bytes that pass the reader's check fail the test."""
    log = EventLog()
    store = await open_store(disk, SMALL, log=log)
    wanted = [replica(number) for number in (*IN_OLD, *IN_NEW, *IN_FILES)]
    held = store.replicas(after=None, limit=100)
    quarantined = store.quarantined()
    damaged = {each for each in held if not await is_readable(store, each)}
    found = Outcome(
        lost=frozenset(each for each in wanted if each not in held and each not in quarantined),
        reported=frozenset(each for each in wanted if each in damaged or each in quarantined),
        has_returned=DELETED in held,
        alarms=frozenset(name for name, _ in log.events if name in ALARMS),
        has_damage=bool(store.damaged_ranges()),
    )
    await stop()
    return found


async def is_readable(store: DiskStore, address: ReplicaId) -> bool:
    try:
        reader = await store.open(address)
        await reader.close()
        data = await get(store, address)
    except ChecksumMismatch:
        return False
    if sha256(data) != reader.info.sha256:
        return False
    assert data == bytes_of(int.from_bytes(address.chunk[-8:], "big")), "wrong bytes under a right checksum"
    return True


async def flips(path: str, bits: Iterable[int]) -> list[tuple[int, Outcome]]:
    """The outcome of each flipped bit of one file."""
    platter = await volume()
    outcomes = []
    for bit in bits:
        disk = copy_of(platter)
        disk.flip_bit(path, bit // 8, bit % 8)
        outcomes.append((bit, await look(disk)))
    return outcomes


async def size_of(path: str) -> int:
    return copy_of(await volume()).size_now(path)


async def cuts(path: str, lengths: Iterable[int]) -> list[tuple[int, Outcome]]:
    """The outcome of each length to which one file is cut."""
    platter = await volume()
    outcomes = []
    for length in lengths:
        disk = copy_of(platter)
        disk.truncate_now(path, length)
        disk.power_cycle(Survival.ALL_KEPT)
        outcomes.append((length, await look(disk)))
    return outcomes
