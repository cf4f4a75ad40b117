"""Writer sessions: a session that was declared dead never writes again."""

from dataclasses import dataclass

from msgspec.structs import replace

from shoal.base.errors import AccessDenied, StaleEpoch
from shoal.base.ids import SessionId, mint_session_id
from shoal.core.catalog import rows
from shoal.core.catalog.cluster_map import scan_all
from shoal.core.catalog.identity import read_identity
from shoal.formats import keys
from shoal.model.catalog import Session, SessionState
from shoal.ports.engine import Snapshot, Tx


@dataclass(frozen=True, slots=True)
class KnownSession:
    """A session with its number."""

    session_id: SessionId
    row: Session


def open_session(tx: Tx, key_id: str, *, passed_over: int = 0) -> KnownSession:
    """Mint a session number, never given out before or after, for an access key. The next `passed_over` numbers are
    given to nobody."""
    identity = read_identity(tx)
    number = identity.next_session + passed_over
    rows.IDENTITY.put(tx, keys.IDENTITY, replace(identity, next_session=number + 1))
    session_id = mint_session_id(identity.incarnation, number)
    session = Session(key_id=key_id, state=SessionState.LIVING, opened_ns=tx.stamp(), opened_at=tx.commit_number)
    rows.SESSION.put(tx, keys.session(session_id), session)
    return KnownSession(session_id, session)


def read_sessions(snapshot: Snapshot) -> list[KnownSession]:
    """All sessions that have a row, dead ones that are not cleaned up yet included."""
    found = scan_all(snapshot, keys.SESSIONS)
    return [KnownSession(keys.session_in(key), rows.SESSION.load(value)) for key, value in found]


def own_session(value: bytes | None, session_id: SessionId, key_id: str) -> Session:
    """The session in a row that was read already, living or dead, if it belongs to the access key `key_id`.

    Raises: StaleEpoch if there is no row any more, AccessDenied if it is another key's.
    """
    if value is None:
        raise _over(session_id)
    session = rows.SESSION.load(value)
    if session.key_id != key_id:
        raise AccessDenied("the session belongs to another access key", session=session_id)
    return session


def check_living(session: Session, session_id: SessionId) -> None:
    """Raises: StaleEpoch if the session is dead."""
    if session.state is not SessionState.LIVING:
        raise _over(session_id)


def check_sequence(session: Session, sequence: int) -> None:
    """Raises: StaleEpoch for an operation whose result is forgotten: nobody can tell whether it was done."""
    if sequence < session.floor:
        raise StaleEpoch("the operation is too old: its result is forgotten", sequence=sequence, floor=session.floor)


def require_living(snapshot: Snapshot, session_id: SessionId, key_id: str) -> Session:
    """The living session of an access key. Raises: StaleEpoch, AccessDenied."""
    session = own_session(snapshot.get(keys.session(session_id)), session_id, key_id)
    check_living(session, session_id)
    return session


def declare_dead(tx: Tx, session_id: SessionId) -> None:
    """End a session: nothing of it commits or stages from now on. One that is dead or gone stays so."""
    session = rows.SESSION.find(tx, keys.session(session_id))
    if session is not None and session.state is SessionState.LIVING:
        rows.SESSION.put(tx, keys.session(session_id), replace(session, state=SessionState.DEAD))


def end_sessions(tx: Tx, key_id: str | None = None) -> tuple[SessionId, ...]:
    """End every living session, or those of one access key. Cost: a pass over the rows of all sessions."""
    living = [known for known in read_sessions(tx) if known.row.state is SessionState.LIVING]
    ended = tuple([known.session_id for known in living if key_id in (None, known.row.key_id)])
    for session in ended:
        declare_dead(tx, session)
    return ended


def is_dead(snapshot: Snapshot, session_id: SessionId) -> bool:
    """Whether nothing of this session can commit any more.

    A number that this catalog issued, or passed over, and has no row for is dead. One that is yet to come, or that was
    lost with what came after a backup, is not: the catalog is older than the session, and what it does not know it must
    not condemn.
    """
    session = rows.SESSION.find(snapshot, keys.session(session_id))
    if session is not None:
        return session.state is SessionState.DEAD
    identity = read_identity(snapshot)
    if any(lost.first <= session_id < lost.end for lost in identity.lost):
        return False
    return 0 < session_id < mint_session_id(identity.incarnation, identity.next_session)


def _over(session_id: SessionId) -> StaleEpoch:
    return StaleEpoch("the session is over; open a new one and send the data again", session=session_id)
