"""What goes wrong with disks: calls that fail or take long, space that runs out, and one medium that does not keep what
it got.

Failing calls can hit the disk of every server, because nothing that failed is ever acknowledged. Rot and sectors that
turn to others or cannot be read any more, lost and misdirected writes and syncs that lie take away what was
acknowledged, so they stay on one node's chunks: as many copies as one node has are what redundancy must bear. A disk
that answers nothing at all is that node's, or the coordinator's: a node gives up for good what it cannot read.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from shoal.base.errors import ChecksumMismatch
from shoal.base.units import KIB, MILLISECOND, SECOND
from shoal.formats.segment import SEGMENT_HEADER_BYTES, decode_segment_header
from shoal.formats.segment.scan import Scanner
from shoal.store.layout import FILES, FORMAT_FILE, ROOT, SEGMENTS, UNFINISHED, segment_number, segment_path
from shoal.store.patient_file import SECTORS_LOST_MAX
from shoal.testing.sim.disk import DiskOperation, FaultKind, SimDisk
from shoal.testing.sim.faults import PlannedFault
from shoal.testing.sim.paged_bytes import PagedBytes
from shoal.testing.sim.platter import Inode
from shoal.testing.sim.process import context_of
from shoal.testing.sim.survival import SECTOR_BYTES
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
FILL, SLOW, KILL, FREEZE = "fill_disk", "slow_disk", "kill_disk", "freeze_disk"
"""For a while: no space, every call takes long, every call fails, every change fails."""
ROT, ZERO, TURN_BACK, SPOIL = "rot", "zero_sector", "turn_back_sector", "spoil_sector"
"""Of what the weak disk keeps: a bit turns over; a sector is all zeros; one is what it was some time ago, as if a write
had been lost; one cannot be read any more, for good."""
LOSSES = (*MEDIUM_HARMS, ROT, ZERO, TURN_BACK, SPOIL, KILL)
"""After which the weak node may have lost what it acknowledged."""
DISK_HARMS = (*CALL_HARMS, *MEDIUM_HARMS, FILL, SLOW, KILL, FREEZE, ROT, ZERO, TURN_BACK, SPOIL)
"""All that I can do."""

_CALLS_AHEAD_MAX = 30
_CALLS_OF_CHUNKS_AHEAD_MAX = 6
_DRAGS_NS = (10 * MILLISECOND, 100 * MILLISECOND, SECOND)
"""How long a call to a slow disk takes, on the average."""
_LAST_BATCH_MAX = 256 * KIB
_LAST_BYTES_MAX = 64 * KIB
"""How much a disk still takes that is filling up."""


@dataclass(frozen=True, slots=True)
class Sick:
    """Whose disks can be harmed: those of `servers`, of which the first is the coordinator. `weak` is the node whose
    medium may do worse than fail; None: nobody's."""

    servers: Sequence[str]
    weak: str | None

    @property
    def mortal(self) -> list[str]:
        """Those whose disks may die."""
        return [*self.servers[:1], *([] if self.weak is None else [self.weak])]


class DiskHarm:
    """I harm disks, one blow at a time; `mend` ends what can be ended. What a medium has lost stays lost."""

    def __init__(self, world: World, sick: Sick, rng: Random, *, draw_harm_ns: Callable[[], int]) -> None:
        """`draw_harm_ns` says how long a disk stays full, slow, read-only or dead."""
        self._world = world
        self._sick = sick
        self._rng = rng
        self._draw_harm_ns = draw_harm_ns
        self._planned: list[tuple[SimDisk, PlannedFault]] = []
        self._spoilt: Counter[int] = Counter()
        """Sectors that cannot be read any more, by file of the weak disk."""

    def strike(self, harm: str) -> None:
        """Do one of DISK_HARMS; nothing where there is nothing to harm."""
        if harm in CALL_HARMS:
            self._plan(self._any_disk(), CALL_HARMS[harm], lambda _: True)
        elif harm in _FOR_A_WHILE:
            _FOR_A_WHILE[harm](self)
        elif self._sick.weak is not None:
            disk = self._world.host(self._sick.weak).disk
            if harm in MEDIUM_HARMS:
                self._plan(disk, MEDIUM_HARMS[harm], _is_of_chunks, ahead=_CALLS_OF_CHUNKS_AHEAD_MAX)
            else:
                _TO_THE_MEDIUM[harm](self, disk)

    def mend(self) -> None:
        """Let every call that is still to come succeed, in its time, and all disks have space."""
        for disk, planned in self._planned:
            disk.faults.forget(planned)
        self._planned.clear()
        for name in self._sick.servers:
            self._world.host(name).disk.capacity_bytes = None
            self._world.host(name).disk.drag = None

    def _any_disk(self) -> SimDisk:
        return self._world.host(self._rng.choice(self._sick.servers)).disk

    def _plan(
        self, disk: SimDisk, kind: FaultKind, chosen: Callable[[DiskOperation], bool], *, ahead: int = _CALLS_AHEAD_MAX
    ) -> None:
        """One of the next calls that fit, so many at most ahead."""
        left = self._rng.randrange(ahead)

        def strikes(operation: DiskOperation) -> bool:
            nonlocal left
            left -= chosen(operation)
            return left < 0

        self._planned.append((disk, disk.fail(kind, strikes)))

    # For a while.

    def _fill(self) -> None:
        disk = self._any_disk()
        disk.capacity_bytes = disk.platter.used_bytes() + self._rng.randrange(_LAST_BYTES_MAX)

        def empty() -> None:
            disk.capacity_bytes = None

        self._later(empty)

    def _slow(self) -> None:
        disk, mean_ns = self._any_disk(), self._rng.choice(_DRAGS_NS)
        disk.drag = lambda: round(self._rng.expovariate(1 / mean_ns))
        self._world.count("slow disk")

        def recover() -> None:
            disk.drag = None

        self._later(recover)

    def _kill(self) -> None:
        disk = self._world.host(self._rng.choice(self._sick.mortal)).disk
        self._refuse_all(disk, FaultKind.DEAD, noticed_as="dead disk")

    def _freeze(self) -> None:
        self._refuse_all(self._any_disk(), FaultKind.READ_ONLY, noticed_as="read-only disk")

    def _refuse_all(self, disk: SimDisk, kind: FaultKind, *, noticed_as: str) -> None:
        planned = disk.fail(kind, self._noticing(noticed_as, lambda _: True), times=None)
        self._planned.append((disk, planned))
        self._later(lambda: disk.faults.forget(planned))

    def _noticing(self, what: str, chosen: Callable[[DiskOperation], bool]) -> Callable[[DiskOperation], bool]:
        """`chosen`; the first call that is counts as a fault of this name."""
        is_noticed = False

        def strikes(operation: DiskOperation) -> bool:
            nonlocal is_noticed
            is_chosen = chosen(operation)
            if is_chosen and not is_noticed:
                is_noticed = True
                self._world.count(what)
            return is_chosen

        return strikes

    def _later(self, action: Callable[[], None]) -> None:
        self._world.loop.call_later(self._draw_harm_ns() / SECOND, action, context=context_of(None))

    # To the medium.

    def _rot(self, disk: SimDisk) -> None:
        files = proven_bytes(disk)
        if files:
            path, start, end = self._rng.choice(files)
            disk.flip_bit(path, self._rng.randrange(start, end), self._rng.randrange(8))
            self._world.count("rot")

    def _zero(self, disk: SimDisk) -> None:
        files = proven_bytes(disk)
        if files:
            path, start, end = self._rng.choice(files)
            first, behind = _sector(self._rng.randrange(start, end))
            first, behind = max(first, start), min(behind, end)
            disk.overwrite(path, first, bytes(behind - first))
            self._world.count("zeroed sector")

    def _turn_back(self, disk: SimDisk) -> None:
        """The sector in which the newest segment ends now becomes again what it is now, once more was written there: in
        other files no sector is written twice."""
        segments = [each for each in proven_bytes(disk) if each[0].startswith(SEGMENTS)]
        if not segments:
            return
        path, _, end = segments[-1]
        inode = disk.platter.file(path)
        unproven = inode.durable.read(end, _LAST_BATCH_MAX).rstrip(b"\0")
        first, behind = _sector(end + len(unproven))
        former = inode.durable.read(first, behind - first)

        def turn_back() -> None:
            is_proven = any(each == path and limit >= first + len(former) for each, _, limit in proven_bytes(disk))
            found = disk.platter.find(path)
            is_same = isinstance(found, Inode) and found.number == inode.number
            if is_proven and is_same and disk.platter.file(path).durable.read(first, len(former)) != former:
                disk.overwrite(path, first, former)
                self._world.count("stale sector")

        self._later(turn_back)

    def _spoil(self, disk: SimDisk) -> None:
        files = proven_bytes(disk)
        if not files:
            return
        path, start, end = self._rng.choice(files)
        first, behind = _sector(self._rng.randrange(start, end))
        inode = disk.platter.file(path).number
        if self._spoilt[inode] == SECTORS_LOST_MAX:  # with one more its node takes the disk for one that fails
            return
        self._spoilt[inode] += 1

        def is_in_sector(read: DiskOperation) -> bool:
            return read.inode == inode and read.offset < behind and first < read.offset + read.length

        disk.fail(FaultKind.BAD_SECTOR, self._noticing("bad sector", is_in_sector), times=None)


_FOR_A_WHILE: Mapping[str, Callable[[DiskHarm], None]] = {
    FILL: DiskHarm._fill,
    SLOW: DiskHarm._slow,
    KILL: DiskHarm._kill,
    FREEZE: DiskHarm._freeze,
}
_TO_THE_MEDIUM: Mapping[str, Callable[[DiskHarm, SimDisk], None]] = {
    ROT: DiskHarm._rot,
    ZERO: DiskHarm._zero,
    TURN_BACK: DiskHarm._turn_back,
    SPOIL: DiskHarm._spoil,
}


def _sector(offset: int) -> tuple[int, int]:
    """Where the sector of that byte begins and ends."""
    first = offset // SECTOR_BYTES * SECTOR_BYTES
    return first, first + SECTOR_BYTES


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
