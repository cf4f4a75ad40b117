"""The settings that durability rests on, read back from SQLite."""

import random
from pathlib import Path

import apsw
import pytest

from shoal.base.errors import ChecksumMismatch, DiskFailed
from shoal.engine.connection import DatabasePlace, connect, connect_reader, enter_wal, prepare_empty
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.sqlite_vfs import SimVfs

CHECKED = "checksum_verification"


def made(place: DatabasePlace) -> apsw.Connection:
    """A database with a table, opened a second time and in WAL."""
    first = connect(place)
    prepare_empty(first, place)
    first.execute("CREATE TABLE t (x)")
    first.close()
    connection = connect(place)
    enter_wal(connection, place)
    return connection


def settings(connection: apsw.Connection) -> dict[str, object]:
    names = ("synchronous", "foreign_keys", "trusted_schema", "cell_size_check", "mmap_size", "wal_autocheckpoint")
    of_macos = ("fullfsync", "checkpoint_fullfsync")
    return {name: connection.pragma(name) for name in (*names, *of_macos)}


def test_the_writer_is_as_durable_as_sqlite_can_be(tmp_path: Path) -> None:
    writer = made(DatabasePlace(str(tmp_path / "db"), None, True))
    assert settings(writer) == {
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "mmap_size": 0,
        "wal_autocheckpoint": 0,
        "fullfsync": 1,
        "checkpoint_fullfsync": 1,
    }
    assert writer.pragma("journal_mode") == "wal"
    assert (writer.pragma("page_size"), str(writer.pragma(CHECKED))) == (4096, "1")
    writer.close()


def test_the_reader_cannot_write(tmp_path: Path) -> None:
    place = DatabasePlace(str(tmp_path / "db"), None, True)
    writer, reader = made(place), connect_reader(place)
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("INSERT INTO t VALUES (1)")
    assert str(reader.pragma(CHECKED)) == "1"
    reader.close()
    writer.close()


def test_a_simulated_file_is_owned_by_one_connection() -> None:
    vfs = SimVfs(SimDisk(random.Random(0)))
    writer = made(DatabasePlace("db", vfs.name, False))
    assert writer.pragma("locking_mode") == "exclusive"
    assert writer.pragma("journal_mode") == "wal"
    writer.close()


def test_a_file_that_cannot_have_a_log_is_refused() -> None:
    vfs = SimVfs(SimDisk(random.Random(0)))
    place = DatabasePlace("db", vfs.name, True)  # not so: it has no shared memory
    connection = connect(place)
    with pytest.raises(DiskFailed, match="no shared memory"):
        enter_wal(connection, place)
    connection.close()


def test_a_database_without_page_checksums_is_refused(tmp_path: Path) -> None:
    place = DatabasePlace(str(tmp_path / "db"), None, True)
    connection = connect(place)
    connection.execute("CREATE TABLE t (x)")
    with pytest.raises(ChecksumMismatch, match="page checksums"):
        enter_wal(connection, place)
    connection.close()


def test_opening_a_catalog_changes_no_default_of_the_process(tmp_path: Path) -> None:
    made(DatabasePlace(str(tmp_path / "db"), None, True)).close()
    other = apsw.Connection(str(tmp_path / "other"))
    assert "cksmvfs" not in str(other.vfsname("main"))
    other.close()
