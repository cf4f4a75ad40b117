"""The catalog's database file: made once, opened, written by one, read by one. Synchronous; calls block.

Commits come in two steps, so that only what waits for the disk need leave the loop: `stage` writes rows into an open
transaction (no sync), `commit` makes them durable.
"""

from collections.abc import Iterable
from dataclasses import replace

import apsw

from shoal.base.errors import AlreadyExists, CorruptionError, FormatUnknown
from shoal.base.ids import WallNs
from shoal.base.units import MIB
from shoal.engine.catalog_state import CatalogState, read_state, write_state
from shoal.engine.connection import (
    DatabasePlace,
    connect,
    connect_reader,
    connect_without_log,
    enter_wal,
    prepare_empty,
)
from shoal.engine.faults import translated
from shoal.engine.rows import SnapshotReader
from shoal.formats.row import seal_row

_APPLICATION_ID = 0x53484F4C
"""'SHOL', in the header of the file."""
_FORMAT = 1
_PUT = "INSERT INTO kv VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v"
_DELETE = "DELETE FROM kv WHERE k = ?"
_LOG_BYTES_MAX = 16 * MIB


class CatalogDatabase:
    """I hold the connections. `stage`, `commit`, `checkpoint` and `close` never run at the same time."""

    def __init__(self, place: DatabasePlace, writer: apsw.Connection, state: CatalogState) -> None:
        """`state` is what `writer` shows."""
        self.place = place
        self._folded = state.folded
        self._staged = self._committed = state.commit_number
        self._writer = writer
        self._reader_connection = connect_reader(place) if place.shared_memory else writer
        self.reader = SnapshotReader(self._reader_connection)
        self._page_bytes = int(writer.pragma("page_size"))
        self._log_pages = 0
        writer.set_wal_hook(self._note_log)

    def _note_log(self, _connection: apsw.Connection, _schema: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    @property
    def is_log_empty(self) -> bool:
        """Whether a checkpoint would have nothing to do."""
        return not self._log_pages

    @property
    def is_log_full(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self._log_pages * self._page_bytes >= _LOG_BYTES_MAX

    def stage(self, writes: Iterable[tuple[bytes, bytes | None]], state: CatalogState) -> None:
        """Write rows (None deletes) and the state into a new transaction. Ends the reader's snapshot.

        Raises: StorageFull, then `roll_back`; DiskFailed, ChecksumMismatch, then nothing may be committed any more.
        """
        # In key order neighbours share pages, and an old snapshot would keep the log from starting over.
        ordered = sorted(writes)
        puts = [(key, seal_row(key, value)) for key, value in ordered if value is not None]
        deletes = [(key,) for key, value in ordered if value is None]
        self.reader.end()
        with translated():
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany(_PUT, puts)
            self._writer.executemany(_DELETE, deletes)
            write_state(self._writer, replace(state, folded=self._folded))
        self._staged = state.commit_number

    def commit(self) -> None:
        """Make what is staged durable. Raises: StorageFull, then `roll_back`; DiskFailed: its outcome is unknown and
        nothing may follow."""
        with translated():
            self._writer.execute("COMMIT")
        self._committed = self._staged

    def roll_back(self) -> None:
        """Forget what is staged. Without a frame that marks a commit, what reached the log is nothing to SQLite, and
        the next commit is written over it (https://www.sqlite.org/fileformat2.html#wal_file_format)."""
        with translated():
            if self._writer.in_transaction:  # SQLite may have done it by itself
                self._writer.execute("ROLLBACK")

    def checkpoint(self, *, truncate: bool) -> None:
        """Copy the log into the database, and cut it if `truncate`. A reader's snapshot delays that, harmlessly.

        Raises: StorageFull, which harms nothing: what is not copied is still in the log; DiskFailed.
        """
        if self._reader_connection is self._writer:
            self.reader.end()
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if truncate else apsw.SQLITE_CHECKPOINT_PASSIVE
        try:
            with translated():
                pages, copied = self._writer.wal_checkpoint(mode=mode)
        except AlreadyExists:
            return
        if copied >= pages:
            self._log_pages = 0
            self._folded = self._committed

    def close(self) -> None:
        """Release the file; writes nothing."""
        with translated():
            if self._reader_connection is not self._writer:
                self._reader_connection.close()
            self._writer.close()


def gone(path: str) -> CorruptionError:
    """The error for a witness without its database."""
    return CorruptionError(
        f"the catalog {path} is gone, though its commit witness is there: put it back or restore it from a backup; "
        "nothing was changed",
        path=path,
    )


def open_database(place: DatabasePlace, new_catalog: bytes | None) -> CatalogDatabase:
    """Open the file; one that is empty or absent becomes the catalog `new_catalog`. Nothing is checkpointed.

    Raises: CorruptionError if it is empty and `new_catalog` is None, or does not belong to the log beside it;
    FormatUnknown if it is of a newer release or not ours; ChecksumMismatch, DiskFailed; AlreadyExists if another
    process has it open.
    """
    with translated():
        writer = connect(place)
        if _is_empty(writer):
            if new_catalog is None:
                raise gone(place.path)
            _create(writer, place, new_catalog)
            writer.close()  # page checksums of a new file work from the next opening on
            writer = connect(place)
        _require_readable(writer, place)
        enter_wal(writer, place)
        state = read_state(writer)
        _require_own_log(place, state)
        return CatalogDatabase(place, writer, state)


def _is_empty(connection: apsw.Connection) -> bool:
    return connection.pragma("application_id") == 0 and not connection.execute("SELECT 1 FROM sqlite_schema").fetchall()


def _create(connection: apsw.Connection, place: DatabasePlace, catalog: bytes) -> None:
    """All in one transaction of the rollback journal: after a crash the file is a catalog or still empty."""
    prepare_empty(connection, place)
    connection.execute("BEGIN IMMEDIATE")
    connection.pragma("application_id", _APPLICATION_ID)
    connection.pragma("user_version", _FORMAT)
    connection.execute("CREATE TABLE meta (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID, STRICT")
    connection.execute("CREATE TABLE kv (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID, STRICT")
    write_state(connection, CatalogState(catalog, 0, WallNs(0)))
    connection.execute("COMMIT")


def _require_readable(connection: apsw.Connection, place: DatabasePlace) -> None:
    application, version = connection.pragma("application_id"), connection.pragma("user_version")
    if application != _APPLICATION_ID:
        raise FormatUnknown(f"{place.path} is a database, but not a catalog", path=place.path)
    if version != _FORMAT:
        raise FormatUnknown(
            f"the catalog {place.path} has format {version}; this release reads format {_FORMAT}",
            path=place.path,
            version=version,
        )
    read_state(connection)


def _require_own_log(place: DatabasePlace, state: CatalogState) -> None:
    """Refuse a file that lacks what was folded into it before the log began, or is another catalog's: SQLite would lay
    the log over it, and the commits in between would be gone without a trace. `state` is what file and log show."""
    try:
        found = _state_without_log(place)
    except CorruptionError:  # torn by a checkpoint that was cut short: the log has that page, and it counts
        return
    if found.catalog != state.catalog or found.commit_number < state.folded:
        raise CorruptionError(
            f"the catalog {place.path} is older than its write-ahead log, or another one's: put back the file that the "
            "log belongs to, or restore a backup together with its own log and commit witness; nothing was changed",
            path=place.path,
            commit_number=found.commit_number,
            folded=state.folded,
        )


def _state_without_log(place: DatabasePlace) -> CatalogState:
    with translated():
        connection = connect_without_log(place)
        try:
            return read_state(connection)
        finally:
            connection.close()
