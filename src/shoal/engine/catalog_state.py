"""What a catalog's database knows of itself: one row, rewritten by every commit, sealed like any other."""

import struct
from dataclasses import dataclass

import apsw

from shoal.base.errors import ChecksumMismatch
from shoal.base.ids import WallNs
from shoal.formats.row import open_row, seal_row

CATALOG_BYTES = 16
_KEY = b"state"
_FIELDS = struct.Struct(">16sQQQ")
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
    folded: int = 0
    """So many commits were in the database file itself, durably, before this one was written to the log."""


def read_state(connection: apsw.Connection) -> CatalogState:
    """The state in the current snapshot. Raises: ChecksumMismatch, FormatUnknown, apsw.Error."""
    found = connection.execute(_READ, (_KEY,)).fetchall()
    if not found or not isinstance(found[0][0], bytes):
        raise ChecksumMismatch("the catalog's row about itself is missing or damaged")
    fields = open_row(_KEY, found[0][0]).ljust(_FIELDS.size, b"\0")  # the first catalogs did not know the last field
    catalog, commit_number, last_stamp, folded = _FIELDS.unpack(fields)
    return CatalogState(catalog, commit_number, WallNs(last_stamp), folded)


def write_state(connection: apsw.Connection, state: CatalogState) -> None:
    """Replace the state, within the open transaction. Raises: apsw.Error."""
    value = _FIELDS.pack(state.catalog, state.commit_number, state.last_stamp, state.folded)
    connection.execute(_WRITE, (_KEY, seal_row(_KEY, value)))
