"""What goes wrong with disks: calls that fail, space that runs out, and one medium that does not keep what it got.

Failing calls can hit the disk of every server, because nothing that failed is ever acknowledged. Rot, lost and
misdirected writes and syncs that lie take away what was acknowledged, so they stay on one node's chunks: as many
copies as one node has are what redundancy must bear.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from shoal.base.errors import ChecksumMismatch
from shoal.base.units import KIB, SECOND
from shoal.formats.segment import SEGMENT_HEADER_BYTES, decode_segment_header
from shoal.formats.segment.scan import Scanner
from shoal.store.layout import FILES, FORMAT_FILE, ROOT, SEGMENTS, UNFINISHED, segment_number, segment_path
from shoal.testing.sim.disk import DiskOperation, FaultKind, SimDisk
from shoal.testing.sim.faults import PlannedFault
from shoal.testing.sim.paged_bytes import PagedBytes
from shoal.testing.sim.process import context_of
from shoal.testing.sim.world import World

CALL_HARMS = {
    "fail_read": FaultKind.READ_EIO,
    "fail_write": FaultKind.WRITE_EIO,
    "fail_sync": FaultKind.SYNC_EIO,
    "refuse_space": FaultKind.NO_SPACE,
    "refuse_quota": FaultKind.OVER_QUOTA,
    "shorten_write": FaultKind.SHORT_WRITE,
}
"""Calls of any server's disk that fail, and say so."""
MEDIUM_HARMS = {
    "lose_write": FaultKind.LOST_WRITE,
    "misdirect_write": FaultKind.MISDIRECTED_WRITE,
    "lie_of_sync": FaultKind.SYNC_LIE,
}
"""Calls of the weak disk that succeed and do something else."""
FILL, ROT = "fill_disk", "rot"
DISK_HARMS = (*CALL_HARMS, *MEDIUM_HARMS, FILL, ROT)
"""All that I can do."""

_CALLS_AHEAD_MAX = 30
_LAST_BYTES_MAX = 64 * KIB
"""How much a disk still takes that is filling up."""


@dataclass(frozen=True, slots=True)
class Sick:
    """Whose disks can be harmed. `weak` is the node whose medium may do worse than fail; None: nobody's."""

    servers: Sequence[str]
    weak: str | None


class DiskHarm:
    """I harm disks, one blow at a time; `mend` ends what can be ended. What a medium has lost stays lost."""

    def __init__(self, world: World, sick: Sick, rng: Random, *, draw_harm_ns: Callable[[], int]) -> None:
        """`draw_harm_ns` says how long a disk stays full."""
        self._world = world
        self._sick = sick
        self._rng = rng
        self._draw_harm_ns = draw_harm_ns
        self._planned: list[tuple[SimDisk, PlannedFault]] = []

    def strike(self, harm: str) -> None:
        """Do one of DISK_HARMS; nothing where there is nothing to harm."""
        if harm in CALL_HARMS:
            self._plan(self._any_disk(), CALL_HARMS[harm], lambda _: True)
        elif harm == FILL:
            self._fill(self._any_disk())
        elif self._sick.weak is not None:
            disk = self._world.host(self._sick.weak).disk
            if harm == ROT:
                self._rot(disk)
            else:
                self._plan(disk, MEDIUM_HARMS[harm], _is_of_chunks)

    def mend(self) -> None:
        """Let every call that is still to come succeed, and all disks have space."""
        for disk, planned in self._planned:
            disk.faults.forget(planned)
        self._planned.clear()
        for name in self._sick.servers:
            self._world.host(name).disk.capacity_bytes = None

    def _any_disk(self) -> SimDisk:
        return self._world.host(self._rng.choice(self._sick.servers)).disk

    def _plan(self, disk: SimDisk, kind: FaultKind, chosen: Callable[[DiskOperation], bool]) -> None:
        """One of the next calls that fit."""
        left = self._rng.randrange(_CALLS_AHEAD_MAX)

        def strikes(operation: DiskOperation) -> bool:
            nonlocal left
            left -= chosen(operation)
            return left < 0

        self._planned.append((disk, disk.fail(kind, strikes)))

    def _fill(self, disk: SimDisk) -> None:
        disk.capacity_bytes = disk.platter.used_bytes() + self._rng.randrange(_LAST_BYTES_MAX)

        def empty() -> None:
            disk.capacity_bytes = None

        self._world.loop.call_later(self._draw_harm_ns() / SECOND, empty, context=context_of(None))

    def _rot(self, disk: SimDisk) -> None:
        files = proven_bytes(disk)
        if files:
            path, start, end = self._rng.choice(files)
            disk.flip_bit(path, self._rng.randrange(start, end), self._rng.randrange(8))
            self._world.count("rot")


def _is_of_chunks(operation: DiskOperation) -> bool:
    return operation.path.startswith(f"{ROOT}/") and not operation.path.startswith(FORMAT_FILE)


def proven_bytes(disk: SimDisk) -> list[tuple[str, int, int]]:
    """Where replicas lie of which the medium itself proves that they were synced: path, start and end. One bit that
    turns over there costs one replica at most, and is never mistaken for the end of a torn write.

    Of whole chunk files that is all; of segments what lies below the frontier, headers aside.
    """
    platter = disk.platter
    if platter.find(SEGMENTS) is None or platter.find(FILES) is None:
        return []
    found = []
    for number in sorted(filter(None, map(segment_number, platter.directory(SEGMENTS).live))):
        path = segment_path(number)
        end = _frontier(platter.file(path).durable, number)
        found.append((path, SEGMENT_HEADER_BYTES, end))
    for name in platter.directory(FILES).live:
        directory = f"{FILES}/{name}"
        for each in platter.directory(directory).live:
            if not each.endswith(UNFINISHED):
                path = f"{directory}/{each}"
                found.append((path, 0, platter.file(path).durable.size))
    return [(path, start, end) for path, start, end in found if start < end]


def _frontier(content: PagedBytes, number: int) -> int:
    """Of a segment, as a recovery would find it; 0 if it is none yet."""
    try:
        container = decode_segment_header(content.read(0, SEGMENT_HEADER_BYTES))
    except ChecksumMismatch:
        return 0
    if container.number != number:
        return 0
    scanner = Scanner(container, end=content.size)
    scanner.feed(content.read(SEGMENT_HEADER_BYTES, content.size - SEGMENT_HEADER_BYTES))
    return scanner.finish().frontier
