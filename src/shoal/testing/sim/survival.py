"""Which un-synced changes a power cut leaves behind.

A drive writes what it was not told to flush in any order, or not at all, and a write that it was busy with can stop
between two sectors. Names are kinder: journalling file systems keep the order of the changes to one directory, so a
prefix of them survives.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from shoal.testing.sim.paged_bytes import PagedBytes

SECTOR_BYTES = 512
_KEPT_PROBABILITY = 0.4
_TORN_PROBABILITY = 0.2


class Survival(Enum):
    """A pattern, applied to the un-synced writes of each file and the un-synced names of each directory."""

    ALL_LOST = "all_lost"
    ALL_KEPT = "all_kept"
    EVERY_OTHER = "every_other"
    """Every second write, starting with the second; the first half of the names."""
    LAST_ONLY = "last_only"
    """Of the writes only the last; every name."""
    TORN = "torn"
    """Every write up to its middle sector; the first half of the names."""
    DATA_ONLY = "data_only"
    """Every write, no name."""
    NAMES_ONLY = "names_only"
    """Every name, no write."""
    RANDOM = "random"
    """Each write kept, lost or torn at either end; a random prefix of the names."""


@dataclass(frozen=True, slots=True)
class WriteChange:
    """Bytes on their way to one file."""

    number: int
    offset: int
    data: bytes

    def apply(self, content: PagedBytes) -> None:
        """Do it to `content`."""
        content.write(self.offset, self.data)


@dataclass(frozen=True, slots=True)
class ResizeChange:
    """A new length on its way to one file."""

    number: int
    size: int
    grow_only: bool

    def apply(self, content: PagedBytes) -> None:
        """Do it to `content`."""
        content.resize(max(self.size, content.size) if self.grow_only else self.size)


FileChange = WriteChange | ResizeChange


class Survivors(Protocol):
    """Who says, file by file and directory by directory, what a power cut leaves behind."""

    def of_file(self, changes: Sequence[FileChange]) -> Iterable[FileChange]:
        """What is left of the un-synced changes of one file, in order."""
        ...

    def of_names(self, count: int) -> int:
        """How many of the `count` un-synced name changes of one directory are left: the first ones."""
        ...


@dataclass(frozen=True, slots=True)
class DrawnSurvivors:
    """One pattern for all files and directories, with draws where the pattern has them."""

    survival: Survival
    rng: random.Random

    def of_file(self, changes: Sequence[FileChange]) -> Iterator[FileChange]:
        """See `Survivors.of_file`."""
        return surviving_changes(changes, self.survival, self.rng)

    def of_names(self, count: int) -> int:
        """See `Survivors.of_names`."""
        return surviving_names(count, self.survival, self.rng)


def surviving_changes(changes: Sequence[FileChange], survival: Survival, rng: random.Random) -> Iterator[FileChange]:
    """What is left of the un-synced `changes` of one file, in order."""
    for index, change in enumerate(changes):
        match survival:
            case Survival.ALL_KEPT | Survival.DATA_ONLY:
                yield change
            case Survival.ALL_LOST | Survival.NAMES_ONLY:
                continue
            case Survival.EVERY_OTHER if index % 2:
                yield change
            case Survival.LAST_ONLY if index == len(changes) - 1:
                yield change
            case Survival.TORN:
                yield from _torn(change, keep_start=True, rng=None)
            case Survival.RANDOM:
                yield from _drawn(change, rng)
            case _:
                continue


def surviving_names(count: int, survival: Survival, rng: random.Random) -> int:
    """How many of the `count` un-synced name changes of one directory are left: the first ones."""
    match survival:
        case Survival.ALL_LOST | Survival.DATA_ONLY:
            return 0
        case Survival.ALL_KEPT | Survival.NAMES_ONLY | Survival.LAST_ONLY:
            return count
        case Survival.EVERY_OTHER | Survival.TORN:
            return count // 2
        case Survival.RANDOM:
            return rng.randint(0, count)


def _drawn(change: FileChange, rng: random.Random) -> Iterator[FileChange]:
    draw = rng.random()
    if draw < _KEPT_PROBABILITY:
        yield change
    elif draw < _KEPT_PROBABILITY + _TORN_PROBABILITY:
        yield from _torn(change, keep_start=rng.random() < 0.5, rng=rng)


def _torn(change: FileChange, *, keep_start: bool, rng: random.Random | None) -> Iterator[FileChange]:
    """One side of a sector boundary inside the write; a write within one sector is atomic and lost here."""
    if isinstance(change, ResizeChange):
        return
    first = change.offset // SECTOR_BYTES + 1
    last = (change.offset + len(change.data) - 1) // SECTOR_BYTES
    if last < first:
        return
    sector = rng.randint(first, last) if rng else (first + last) // 2
    cut = sector * SECTOR_BYTES - change.offset
    if keep_start:
        yield replace(change, data=change.data[:cut])
    else:
        yield replace(change, offset=change.offset + cut, data=change.data[cut:])
