"""Results of operations, for the retry of one whose outcome its caller does not know.

A commit's result is the version it made, found by (session, sequence). An operation that leaves no row of its own, and
one whose version is removed while its session lives, leaves a result row.
"""

from typing import TypeVar

from msgspec.structs import replace

from shoal.base.ids import SessionId
from shoal.core.catalog import rows
from shoal.formats import keys, wire
from shoal.model.catalog import OperationResult, Session, SessionState, Version, VersionKind
from shoal.model.messages.objects import Name
from shoal.ports.engine import Snapshot, Tx

T = TypeVar("T")

_SCAN_ROWS = 100
FORGET_ROWS = 500
"""Results that one transaction forgets."""


def find_result(snapshot: Snapshot, session_id: SessionId, sequence: int, *, kind: type[T]) -> T | None:
    """What the operation answered. Raises: InvalidArgument if that number was another kind of operation."""
    row = rows.RESULT.find(snapshot, keys.result(session_id, sequence))
    return None if row is None else wire.decode(row.reply, kind)


def keep_result(tx: Tx, session_id: SessionId, sequence: int, *, reply: object) -> None:
    """Remember what the operation answers."""
    rows.RESULT.put(tx, keys.result(session_id, sequence), OperationResult(wire.encode(reply), tx.stamp()))


def find_made(
    snapshot: Snapshot, name: Name, *, session_id: SessionId, session: Session, sequence: int
) -> Version | None:
    """The version of `name` that this operation made, wherever it is by now; None if it made none."""
    live = rows.VERSION.find(snapshot, keys.live(name.bucket, name.key))
    if live is not None and (live.session, live.sequence) == (session_id, sequence):
        return live
    start, end = keys.versions(name.bucket, name.key)
    while slice_ := snapshot.scan(start, end, limit=_SCAN_ROWS):
        for _, value in slice_:
            version = rows.VERSION.load(value)
            if (version.session, version.sequence) == (session_id, sequence):
                return version
            if version.created_ns < session.opened_ns:  # newest first: all that follow are older than the session
                return find_result(snapshot, session_id, sequence, kind=Version)
        start = slice_[-1][0] + b"\x00"
    return find_result(snapshot, session_id, sequence, kind=Version)


def keep_made(tx: Tx, version: Version) -> None:
    """`version` is about to lose its row: its maker may still ask for it while its session lives. (A delete's result
    is kept anyway, so its marker is no matter.)"""
    if version.kind is VersionKind.DELETE_MARKER:
        return
    session = rows.SESSION.find(tx, keys.session(version.session))
    if session is not None and session.state is SessionState.LIVING and version.sequence >= session.floor:
        keep_result(tx, version.session, version.sequence, reply=version)


def forget_results(tx: Tx, session_id: SessionId, *, below: int) -> bool:
    """Forget results of operations with lower numbers, which are refused from now on. True if there may be more."""
    session = rows.SESSION.find(tx, keys.session(session_id))
    if session is None:
        return False
    start, _ = keys.results(session_id)
    found = tx.scan(start, keys.result(session_id, below), limit=FORGET_ROWS)
    for key, _ in found:
        tx.delete(key)
    if found:
        rows.SESSION.put(tx, keys.session(session_id), replace(session, floor=max(session.floor, below)))
    return len(found) == FORGET_ROWS
