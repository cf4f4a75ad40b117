"""What a catalog's database knows of itself: one row, rewritten by every commit, sealed like any other."""

import struct
from dataclasses import dataclass

import apsw

from shoal.base.errors import ChecksumMismatch
from shoal.base.ids import WallNs
from shoal.formats.row import open_row, seal_row

CATALOG_BYTES = 16
_KEY = b"state"
_FIELDS = struct.Struct(">16sQQ")
_READ = "SELECT v FROM meta WHERE k = ?"
_WRITE = "REPLACE INTO meta VALUES (?, ?)"


@dataclass(frozen=True, slots=True)
class CatalogState:
    """Written in the same transaction as the rows of the commit that it counts."""

    catalog: bytes
    """16 random bytes, drawn when the database was made: what ties it to its witness."""
    commit_number: int
    last_stamp: WallNs
    """No stamp given out before is greater."""


def read_state(connection: apsw.Connection) -> CatalogState:
    """The state in the current snapshot. Raises: ChecksumMismatch, FormatUnknown, apsw.Error."""
    found = connection.execute(_READ, (_KEY,)).fetchall()
    if not found or not isinstance(found[0][0], bytes):
        raise ChecksumMismatch("the catalog's row about itself is missing or damaged")
    catalog, commit_number, last_stamp = _FIELDS.unpack(open_row(_KEY, found[0][0]))
    return CatalogState(catalog, commit_number, WallNs(last_stamp))


def write_state(connection: apsw.Connection, state: CatalogState) -> None:
    """Replace the state, within the open transaction. Raises: apsw.Error."""
    value = _FIELDS.pack(state.catalog, state.commit_number, state.last_stamp)
    connection.execute(_WRITE, (_KEY, seal_row(_KEY, value)))
