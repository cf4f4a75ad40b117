"""Committed rows of a SQLite database, read through one connection."""

from collections.abc import Sequence
from typing import Any

import apsw

from shoal.base.errors import ChecksumMismatch, ShoalError, check
from shoal.engine.catalog_state import CatalogState, read_state
from shoal.engine.faults import LIBRARY_ERRORS, translate, translated
from shoal.formats.row import open_row
from shoal.ports.engine import Row

_GET = "SELECT v FROM kv WHERE k = ?"
_SCAN = "SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k LIMIT ?"
_SCAN_BACK = "SELECT k, v FROM kv WHERE k >= ? AND k < ? ORDER BY k DESC LIMIT ?"


class SnapshotReader:
    """I show one state of the database, from `begin` until `end`. A `ports.engine.Snapshot` in between."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._is_begun = False
        self.state: CatalogState
        """Of the snapshot taken last."""

    def begin(self) -> "SnapshotReader":
        """Take a snapshot, unless there is one: an open one costs a read half of what a new one does.

        Raises: DiskFailed, ChecksumMismatch, FormatUnknown.
        """
        if not (self._is_begun and self._connection.in_transaction):
            with translated():
                self._cursor.execute("BEGIN")
                self._is_begun = True
                self._take_state()
        return self

    def _take_state(self) -> None:
        try:
            self.state = read_state(self._connection)
        except (*LIBRARY_ERRORS, ShoalError):  # a snapshot without its number is none: the next call takes another
            self.end()
            raise

    def end(self) -> None:
        """Let go of the snapshot: the next is of everything that is committed by then."""
        if self._is_begun:
            self._is_begun = False
            with translated():
                if self._connection.in_transaction:  # a read that met a bad page or sector has ended it
                    self._cursor.execute("ROLLBACK")

    @property
    def commit_number(self) -> int:
        return self.state.commit_number

    def get(self, key: bytes) -> bytes | None:
        try:
            found = self._cursor.execute(_GET, (key,)).fetchall()
        except LIBRARY_ERRORS as exc:
            raise translate(exc) from exc
        return _open_value(key, found[0][0]) if found else None

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def scan(self, start: bytes, end: bytes, *, limit: int, reverse: bool = False) -> list[Row]:
        check(limit > 0, "a scan needs a limit", limit=limit)
        try:
            found: list[Any] = self._cursor.execute(_SCAN_BACK if reverse else _SCAN, (start, end, limit)).fetchall()
        except LIBRARY_ERRORS as exc:
            raise translate(exc) from exc
        return [(key, _open_value(key, value)) for key, value in found]


def _open_value(key: bytes, stored: object) -> bytes:
    if not isinstance(stored, bytes):
        raise ChecksumMismatch("a metadata row is not what was written", row=key.hex())
    return open_row(key, stored)
