"""Which replica lies where: packed rows in sorted pages, 36 bytes a replica.

A row is the address (21 bytes, byte order is the order of addresses), its state, and its place. Pages are cut when
they are full, so that an insert moves some kilobytes at most; a lookup is two binary searches. One Python object per
page, none per replica.
"""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from operator import eq
from typing import Final, NamedTuple

from shoal.formats.segment import ENTRY_BYTES, KEY_BYTES, RecordKind

_ROW = struct.Struct(">21sB2xIII")
ROW_BYTES: Final = _ROW.size
_TAIL = struct.Struct(">I")
_PAGE_ROWS_MAX: Final = 1024
_PARTITION_ROWS: Final = 64 * _PAGE_ROWS_MAX
_SAMPLE_ROWS: Final = 512


class ReplicaState(IntEnum):
    """What a row says, in the numbers of the record kinds that say it: so entries of footers load unchanged."""

    HELD = RecordKind.CHUNK
    DELETED = RecordKind.TOMBSTONE
    QUARANTINED = RecordKind.QUARANTINE


IN_FILE: Final = 2**32 - 1
"""The `segment` of a replica that has a file of its own; then `offset` is 0 and `length` its stored size."""
NOWHERE: Final = 2**32 - 2
"""The `segment` of a replica without bytes."""


class Row(NamedTuple):
    """`segment` is the number of a segment in this process, not on disk; `length` is that of the whole record."""

    state: int
    offset: int
    length: int
    segment: int


@dataclass(frozen=True, slots=True)
class Run:
    """Footer entries in order of address, all in one segment: what `ReplicaIndex.load` merges."""

    entries: bytes
    segment: int

    def __len__(self) -> int:
        return len(self.entries) // ENTRY_BYTES

    def rows(self, start: int, stop: int) -> list[bytes]:
        """Entries `start` to `stop` as rows."""
        entries, tail = self.entries, _TAIL.pack(self.segment)
        ends = range(start * ENTRY_BYTES, stop * ENTRY_BYTES, ENTRY_BYTES)
        return [entries[at : at + ENTRY_BYTES] + tail for at in ends]

    def position(self, key: bytes) -> int:
        """How many entries have an address below `key`."""
        entries = self.entries
        return bisect_left(
            range(len(entries) // ENTRY_BYTES),
            key,
            key=lambda row: entries[row * ENTRY_BYTES : row * ENTRY_BYTES + KEY_BYTES],
        )


class ReplicaIndex:
    """I know every address that this store holds, has deleted or keeps in quarantine."""

    def __init__(self) -> None:
        self._pages: list[bytearray] = []
        self._firsts: list[bytes] = []
        self._held = 0
        self._quarantined: dict[bytes, None] = {}

    @property
    def held_count(self) -> int:
        """How many replicas are held, without those in quarantine."""
        return self._held

    def quarantined(self) -> list[bytes]:
        """The addresses in quarantine, in order."""
        return sorted(self._quarantined)

    def get(self, key: bytes) -> Row | None:
        """The row of an address."""
        number = bisect_right(self._firsts, key) - 1
        if number < 0:
            return None
        page = self._pages[number]
        at = _position(page, key) * ROW_BYTES
        if page[at : at + KEY_BYTES] != key:
            return None
        _, state, offset, length, segment = _ROW.unpack_from(page, at)
        return Row(state, offset, length, segment)

    def put(self, key: bytes, row: Row) -> None:
        """Insert or replace the row of an address."""
        packed = _ROW.pack(key, *row)
        if not self._pages:
            self._pages, self._firsts = [bytearray()], [key]
        number = max(0, bisect_right(self._firsts, key) - 1)
        page = self._pages[number]
        at = _position(page, key) * ROW_BYTES
        is_there = page[at : at + KEY_BYTES] == key
        self._count(key, page[at + KEY_BYTES] if is_there else None, row.state)
        page[at : at + ROW_BYTES * is_there] = packed
        self._firsts[number] = bytes(page[:KEY_BYTES])
        if len(page) > _PAGE_ROWS_MAX * ROW_BYTES:
            self._split(number, is_append=at + ROW_BYTES == len(page))

    def _count(self, key: bytes, before: int | None, now: int) -> None:
        self._held += (now == ReplicaState.HELD) - (before == ReplicaState.HELD)
        if now == ReplicaState.QUARANTINED:
            self._quarantined[key] = None
        elif before == ReplicaState.QUARANTINED:
            del self._quarantined[key]

    def _split(self, number: int, *, is_append: bool) -> None:
        """Cut a page in two; after its last row when addresses come in order, so that pages stay full."""
        page = self._pages[number]
        cut = (_PAGE_ROWS_MAX if is_append else _PAGE_ROWS_MAX // 2) * ROW_BYTES
        upper = page[cut:]
        self._pages[number] = page[:cut]
        self._pages.insert(number + 1, upper)
        self._firsts.insert(number + 1, bytes(upper[:KEY_BYTES]))

    def held(self, *, after: bytes | None, limit: int) -> list[bytes]:
        """At most `limit` addresses that are held, in order, from the first one past `after`."""
        return list(islice(self._held_after(after), max(0, limit)))

    def _held_after(self, after: bytes | None) -> Iterator[bytes]:
        number = 0 if after is None else max(0, bisect_right(self._firsts, after) - 1)
        for page in islice(self._pages, number, None):
            start = 0
            if after is not None:
                start = _position(page, after)
                start += page[start * ROW_BYTES : start * ROW_BYTES + KEY_BYTES] == after
                after = None
            for at in range(start * ROW_BYTES, len(page), ROW_BYTES):
                if page[at + KEY_BYTES] == ReplicaState.HELD:
                    yield bytes(page[at : at + KEY_BYTES])

    def load(self, runs: Sequence[Run]) -> None:
        """Fill an empty index with what is held. Where an address comes twice, the later place wins.

        Cost: about a second for a million rows, sorted in parts so that little memory is needed besides the pages.
        """
        runs = [run for run in runs if len(run)]
        starts = [0] * len(runs)
        for pivot in [*_pivots(runs), None]:
            stops = [len(run) if pivot is None else run.position(pivot) for run in runs]
            rows: list[bytes] = []
            for run, start, stop in zip(runs, starts, stops, strict=True):
                rows += run.rows(start, stop)
            rows.sort()
            self._append(_without_repeats(rows))
            starts = stops

    def _append(self, rows: Sequence[bytes]) -> None:
        for start in range(0, len(rows), _PAGE_ROWS_MAX):
            part = rows[start : start + _PAGE_ROWS_MAX]
            self._pages.append(bytearray().join(part))
            self._firsts.append(part[0][:KEY_BYTES])
        self._held += len(rows)


def _position(page: bytearray, key: bytes) -> int:
    """How many rows of `page` have an address below `key`."""
    low, high = 0, len(page) // ROW_BYTES
    while low < high:
        middle = (low + high) // 2
        at = middle * ROW_BYTES
        if page[at : at + KEY_BYTES] < key:
            low = middle + 1
        else:
            high = middle
    return low


def _pivots(runs: Iterable[Run]) -> list[bytes]:
    """Addresses that cut the union of the runs into parts of about `_PARTITION_ROWS`."""
    samples = sorted(
        run.entries[row * ENTRY_BYTES : row * ENTRY_BYTES + KEY_BYTES]
        for run in runs
        for row in range(_SAMPLE_ROWS, len(run), _SAMPLE_ROWS)
    )
    return samples[_PARTITION_ROWS // _SAMPLE_ROWS :: _PARTITION_ROWS // _SAMPLE_ROWS]


def _without_repeats(rows: list[bytes]) -> list[bytes]:
    keys = [row[:KEY_BYTES] for row in rows]
    if not any(map(eq, keys, islice(keys, 1, None))):
        return rows
    latest: dict[bytes, bytes] = {}
    for key, row in sorted(zip(keys, rows, strict=True), key=lambda pair: _place(pair[1])):
        latest[key] = row
    return [latest[key] for key in sorted(latest)]


def _place(row: bytes) -> tuple[int, int]:
    _, _, offset, _, segment = _ROW.unpack(row)
    return segment, offset
