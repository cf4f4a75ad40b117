"""A catalog that is older than what a node has seen of it: a backup was put back, and what came after it is lost.

The lost catalog has given out session numbers that this one would give out again. Their clients may still live, and the
nodes hold what they stored: two writers under one number could take each other's results for their own. So the
incarnation is raised above all that were seen, and every session ends, because some may have been opened since the
backup was put back. The numbers that were lost stay known as such: they are nobody's, and not dead.
"""

from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from shoal.base.ids import SessionId, mint_session_id
from shoal.core.catalog import rows
from shoal.core.catalog.identity import read_identity
from shoal.core.catalog.sessions import end_sessions
from shoal.formats import keys
from shoal.model.catalog import CatalogIdentity, SessionRange
from shoal.ports.engine import Tx

INCARNATION_MAX = (1 << 16) - 1


class SeenCatalog(NamedTuple):
    """The newest that somebody has seen of a catalog."""

    incarnation: int
    commit_number: int


class OpenedCatalog(NamedTuple):
    """What a coordinator found when it started: all that is newer is its own, or lost."""

    commit_number: int
    next_session: int


@dataclass(frozen=True, slots=True)
class Restoration:
    """A catalog that goes on from a backup, and the sessions that ended with it."""

    identity: CatalogIdentity
    sessions: tuple[SessionId, ...]


def go_on_from_backup(tx: Tx, seen: SeenCatalog, opened: OpenedCatalog) -> Restoration | None:
    """Begin a new incarnation, because somebody has `seen` more than there was when the catalog was `opened`, and not
    of what was committed since; None if it was begun already. Cost: a pass over the rows of all sessions, once for each
    backup that is put back."""
    identity = read_identity(tx)
    if seen <= (identity.incarnation, opened.commit_number):
        return None
    incarnation = max(seen.incarnation, identity.incarnation) + 1
    lost = SessionRange(
        first=mint_session_id(identity.incarnation, opened.next_session),
        end=mint_session_id(incarnation, identity.next_session),
    )
    identity = replace(identity, incarnation=incarnation, lost=(*identity.lost, lost))
    rows.IDENTITY.put(tx, keys.IDENTITY, identity)
    return Restoration(identity, end_sessions(tx))
