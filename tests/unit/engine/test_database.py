"""The database file."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from shoal.base.errors import ChecksumMismatch, CorruptionError, FormatUnknown
from shoal.base.ids import WallNs
from shoal.engine.catalog_state import CatalogState
from shoal.engine.connection import DatabasePlace
from shoal.engine.database import CatalogDatabase, open_database

CATALOG = b"c" * 16


@pytest.fixture
def place(tmp_path: Path) -> DatabasePlace:
    return DatabasePlace(str(tmp_path / "catalog.db"), None, True)


@pytest.fixture
def database(place: DatabasePlace) -> Iterator[CatalogDatabase]:
    database = open_database(place, CATALOG)
    yield database
    database.close()


def store(database: CatalogDatabase, number: int, **rows: bytes | None) -> None:
    writes = [(key.encode(), value) for key, value in rows.items()]
    database.stage(writes, CatalogState(CATALOG, number, WallNs(number)))
    database.commit()


def test_a_new_database_is_empty_and_knows_its_catalog(database: CatalogDatabase) -> None:
    assert database.reader.begin().state == CatalogState(CATALOG, 0, WallNs(0))
    assert database.reader.scan(b"", b"\xff", limit=9) == []
    assert database.is_log_empty


def test_what_is_staged_is_not_seen_before_it_is_committed(database: CatalogDatabase) -> None:
    database.stage([(b"a", b"1")], CatalogState(CATALOG, 1, WallNs(0)))
    assert database.reader.begin().get(b"a") is None
    database.commit()
    database.reader.end()
    assert (database.reader.begin().get(b"a"), database.reader.commit_number) == (b"1", 1)


def test_rows_and_state_survive_a_close_without_a_checkpoint(place: DatabasePlace) -> None:
    first = open_database(place, CATALOG)
    store(first, 1, a=b"1", b=b"1")
    store(first, 2, a=b"2", b=None)
    first.close()
    again = open_database(place, None)
    assert again.reader.begin().scan(b"", b"\xff", limit=9) == [(b"a", b"2")]
    assert again.reader.state == CatalogState(CATALOG, 2, WallNs(2))
    again.close()


def test_closing_writes_nothing(place: DatabasePlace) -> None:
    database = open_database(place, CATALOG)
    store(database, 1, a=b"1")
    before = Path(place.path).read_bytes()
    database.close()
    assert Path(place.path).read_bytes() == before
    assert Path(f"{place.path}-wal").stat().st_size > 0


def test_a_checkpoint_folds_the_log_in(database: CatalogDatabase) -> None:
    store(database, 1, a=b"1")
    log = Path(f"{database.place.path}-wal")
    assert (database.is_log_empty, log.stat().st_size > 0) == (False, True)
    database.checkpoint(truncate=True)
    assert (database.is_log_empty, log.stat().st_size > 0) == (True, False)


def test_a_reader_delays_a_checkpoint_and_nothing_else(database: CatalogDatabase) -> None:
    store(database, 1, a=b"1")
    database.reader.begin()
    database.checkpoint(truncate=True)
    assert database.reader.get(b"a") == b"1"


def test_the_log_starts_over_after_a_checkpoint(database: CatalogDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal.engine.database._LOG_BYTES_MAX", 60_000)
    log = Path(f"{database.place.path}-wal")
    for number in range(1, 100):
        store(database, number, a=b"x" * 3000, b=b"y" * 3000)
        database.reader.begin()
        if database.is_log_full:
            database.reader.end()
            database.checkpoint(truncate=False)
    assert log.stat().st_size < 120_000


def test_an_empty_file_becomes_a_catalog_only_if_asked(place: DatabasePlace) -> None:
    Path(place.path).touch()
    with pytest.raises(CorruptionError, match="gone"):
        open_database(place, None)
    open_database(place, CATALOG).close()


def test_a_newer_format_is_refused(place: DatabasePlace, database: CatalogDatabase) -> None:
    database.close()
    tampering = apsw.Connection(place.path, vfs="cksmvfs")
    tampering.pragma("user_version", 2)
    tampering.close()
    with pytest.raises(FormatUnknown, match="format 2"):
        open_database(place, CATALOG)


def test_a_foreign_database_is_refused(place: DatabasePlace) -> None:
    foreign = apsw.Connection(place.path)
    foreign.execute("CREATE TABLE theirs (x)")
    foreign.close()
    with pytest.raises(FormatUnknown, match="not a catalog"):
        open_database(place, CATALOG)


def test_a_file_that_is_no_database_is_refused(place: DatabasePlace) -> None:
    Path(place.path).write_bytes(b"not a database at all" * 500)
    with pytest.raises(ChecksumMismatch):
        open_database(place, CATALOG)


def files_of(place: DatabasePlace) -> dict[str, bytes]:
    return {name: Path(place.path + name).read_bytes() for name in ("", "-wal")}


def three_commits(place: DatabasePlace, backup: Path) -> None:
    """The first is in the backup, the second was folded in after it, and the third is in the log only."""
    database = open_database(place, CATALOG)
    store(database, 1, a=b"1", b=b"1", c=b"1")
    database.checkpoint(truncate=True)
    shutil.copy(place.path, backup)
    store(database, 2, b=b"2")
    database.checkpoint(truncate=False)
    store(database, 3, c=b"3")
    database.close()


def test_a_log_is_never_laid_over_an_older_file_than_its_own(place: DatabasePlace, tmp_path: Path) -> None:
    three_commits(place, tmp_path / "backup")
    shutil.copy(tmp_path / "backup", place.path)
    before = files_of(place)
    with pytest.raises(CorruptionError, match="older than its write-ahead log"):
        open_database(place, None)
    assert files_of(place) == before


def test_a_log_is_never_laid_over_the_file_of_another_catalog(place: DatabasePlace, tmp_path: Path) -> None:
    three_commits(place, tmp_path / "backup")
    other = DatabasePlace(str(tmp_path / "other.db"), None, True)
    strangers = open_database(other, b"d" * 16)
    strangers.stage([(b"b", b"9")], CatalogState(b"d" * 16, 4, WallNs(9)))
    strangers.commit()
    strangers.checkpoint(truncate=True)
    strangers.close()
    shutil.copy(other.path, place.path)
    with pytest.raises(CorruptionError, match="or another one's"):
        open_database(place, None)


def test_what_a_checkpoint_has_torn_is_mended_from_the_log(place: DatabasePlace, tmp_path: Path) -> None:
    three_commits(place, tmp_path / "backup")
    with Path(place.path).open("r+b") as file:  # all pages that the log has, and so the one with the state
        page_count = Path(place.path).stat().st_size // 4096
        state_page = next(n for n in range(page_count) if CATALOG in Path(place.path).read_bytes()[n * 4096 :][:4096])
        file.seek(state_page * 4096 + 4000)
        file.write(b"torn")
    database = open_database(place, None)
    assert database.reader.begin().state == CatalogState(CATALOG, 3, WallNs(3), folded=2)
    assert database.reader.get(b"b") == b"2"
    database.close()


def test_each_checkpoint_is_known_to_the_commits_behind_it(database: CatalogDatabase) -> None:
    store(database, 1, a=b"1")
    store(database, 2, a=b"2")
    assert database.reader.begin().state.folded == 0
    database.reader.end()
    database.checkpoint(truncate=False)
    store(database, 3, a=b"3")
    assert database.reader.begin().state.folded == 2


def test_a_rotten_page_fails_those_who_read_it_and_nobody_else(place: DatabasePlace) -> None:
    database = open_database(place, CATALOG)
    store(database, 1, **{f"k{number:03}": b"%03d" % number * 500 for number in range(40)})
    database.checkpoint(truncate=True)
    database.close()
    content = bytearray(Path(place.path).read_bytes())
    content[content.index(b"000" * 100)] ^= 1  # the first row lies in a leaf
    Path(place.path).write_bytes(content)
    database = open_database(place, None)
    assert database.reader.begin().get(b"k020") == b"020" * 500
    with pytest.raises(ChecksumMismatch):
        database.reader.begin().get(b"k000")
    assert database.reader.begin().get(b"k020") == b"020" * 500
    with pytest.raises(ChecksumMismatch):
        database.reader.begin().scan(b"k", b"l", limit=9)
    store(database, 2, k020=b"new")
    assert (database.reader.begin().get(b"k020"), database.reader.commit_number) == (b"new", 2)
    database.close()
