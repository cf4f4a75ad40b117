"""Committed rows through one connection."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from shoal.base.errors import ChecksumMismatch, DiskFailed
from shoal.base.ids import WallNs
from shoal.engine import rows
from shoal.engine.catalog_state import CatalogState, write_state
from shoal.engine.rows import SnapshotReader
from shoal.formats.row import seal_row


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(tmp_path / "db"))
    connection.pragma("journal_mode", "wal")
    connection.execute("CREATE TABLE meta (k BLOB PRIMARY KEY, v)")
    connection.execute("CREATE TABLE kv (k PRIMARY KEY, v) WITHOUT ROWID")
    yield connection
    connection.close()


@pytest.fixture
def reader(writer: apsw.Connection, tmp_path: Path) -> Iterator[SnapshotReader]:
    commit(writer, 1)
    connection = apsw.Connection(str(tmp_path / "db"))
    yield SnapshotReader(connection)
    connection.close()


def commit(writer: apsw.Connection, number: int) -> None:
    with writer:
        write_state(writer, CatalogState(b"c" * 16, number, WallNs(0)))
        writer.execute("REPLACE INTO kv VALUES (?, ?)", (b"key", seal_row(b"key", b"%d" % number)))


def test_a_snapshot_stays_until_it_is_ended(writer: apsw.Connection, reader: SnapshotReader) -> None:
    reader.begin()
    commit(writer, 2)
    assert (reader.begin().commit_number, reader.get(b"key")) == (1, b"1")
    reader.end()
    reader.end()
    assert (reader.begin().commit_number, reader.get(b"key")) == (2, b"2")


def test_a_snapshot_is_taken_when_it_begins(writer: apsw.Connection, reader: SnapshotReader) -> None:
    reader.begin()
    commit(writer, 2)
    assert reader.get(b"key") == b"1"


@pytest.mark.parametrize("damage", [b"\x00" * 40, seal_row(b"other", b"1"), "text", 5, None])
def test_a_row_that_is_not_what_was_written_is_never_returned(
    writer: apsw.Connection, reader: SnapshotReader, damage: bytes | str | int | None
) -> None:
    writer.execute("UPDATE kv SET v = ?", (damage,))
    reader.begin()
    with pytest.raises(ChecksumMismatch):
        reader.get(b"key")
    with pytest.raises(ChecksumMismatch):
        reader.scan(b"a", b"z", limit=1)


def test_text_made_by_rot_is_reported_too(writer: apsw.Connection, reader: SnapshotReader) -> None:
    writer.execute("UPDATE kv SET v = CAST(x'ff' AS TEXT)")
    reader.begin()
    with pytest.raises(ChecksumMismatch):
        reader.get(b"key")


def test_a_damaged_tree_fails_a_read_and_a_scan(writer: apsw.Connection, tmp_path: Path) -> None:
    commit(writer, 1)
    writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    writer.close()
    file = tmp_path / "db"
    pages = bytearray(file.read_bytes())
    pages[-4096:] = b"\x55" * 4096
    file.write_bytes(pages)
    connection = apsw.Connection(str(file))
    reader = SnapshotReader(connection)
    reader.begin()
    with pytest.raises(ChecksumMismatch):
        reader.get(b"key")
    with pytest.raises(ChecksumMismatch):
        reader.scan(b"a", b"z", limit=1)
    connection.close()


def test_a_snapshot_that_could_not_tell_its_number_is_not_used(
    writer: apsw.Connection, reader: SnapshotReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_connection: apsw.Connection) -> CatalogState:
        raise apsw.IOError("the state cannot be read")

    reader.begin()
    commit(writer, 2)
    reader.end()
    with monkeypatch.context() as patch:
        patch.setattr(rows, "read_state", failing)
        with pytest.raises(DiskFailed):
            reader.begin()
    commit(writer, 3)
    assert (reader.begin().commit_number, reader.get(b"key")) == (3, b"3")
