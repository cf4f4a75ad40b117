"""The row about the catalog itself."""

import apsw
import pytest

from shoal.base.errors import ChecksumMismatch
from shoal.base.ids import WallNs
from shoal.engine.catalog_state import CatalogState, read_state, write_state
from shoal.formats.row import seal_row

STATE = CatalogState(b"c" * 16, 2**40, WallNs(2**62), folded=2**39)


@pytest.fixture
def connection() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE meta (k BLOB PRIMARY KEY, v BLOB)")
    return connection


def test_the_state_written_last_is_read(connection: apsw.Connection) -> None:
    write_state(connection, CatalogState(b"c" * 16, 1, WallNs(1)))
    write_state(connection, STATE)
    assert read_state(connection) == STATE


def test_a_state_of_the_first_catalogs_says_nothing_of_folding(connection: apsw.Connection) -> None:
    value = b"c" * 16 + (7).to_bytes(8, "big") + (9).to_bytes(8, "big")
    connection.execute("INSERT INTO meta VALUES (?, ?)", (b"state", seal_row(b"state", value)))
    assert read_state(connection) == CatalogState(b"c" * 16, 7, WallNs(9), folded=0)


@pytest.mark.parametrize(
    "change", ["DELETE FROM meta", "UPDATE meta SET v = 'text'", "UPDATE meta SET v = zeroblob(50)"]
)
def test_a_missing_or_damaged_state_is_refused(connection: apsw.Connection, change: str) -> None:
    write_state(connection, STATE)
    connection.execute(change)
    with pytest.raises(ChecksumMismatch):
        read_state(connection)
