"""Results of operations, for the retry of one whose outcome its caller does not know.

A commit's result is the version it made, found by (session, sequence). An operation that leaves no row of its own, one
whose version is removed while its session lives, and one that was refused (`refusals`), leaves a result row.
"""

from typing import TypeVar

from msgspec.structs import replace

from shoal.base.errors import ShoalError
from shoal.base.ids import SessionId
from shoal.core.catalog import rows
from shoal.formats import keys, wire
from shoal.formats.errors import body_of, error_of
from shoal.model.catalog import OperationResult, Session, SessionState, Version, VersionKind
from shoal.model.messages.objects import Name
from shoal.ports.engine import Snapshot, Tx

T = TypeVar("T")

_SCAN_ROWS = 100
FORGET_ROWS = 500
"""Results that one transaction forgets."""


def find_result(snapshot: Snapshot, session_id: SessionId, sequence: int, *, kind: type[T]) -> T | None:
    """What the operation answered. Raises: what it was refused with; InvalidArgument if that number was another kind
    of operation."""
    value = snapshot.get(keys.result(session_id, sequence))
    if value is None:
        return None
    check_refusal(value)
    return wire.decode(rows.RESULT.load(value).reply, kind)


def check_refusal(value: bytes | None) -> None:
    """Raises: what the operation was refused with, if that is what its result row says."""
    refusal = None if value is None else rows.RESULT.load(value).refusal
    if refusal is not None:
        raise error_of(refusal)


def keep_result(tx: Tx, session_id: SessionId, sequence: int, *, reply: object) -> None:
    """Remember what the operation answers."""
    rows.RESULT.put(tx, keys.result(session_id, sequence), OperationResult(wire.encode(reply), tx.stamp()))


def keep_refusal(tx: Tx, session_id: SessionId, sequence: int, *, error: ShoalError) -> None:
    """Remember that the operation was refused, unless that is remembered already."""
    key = keys.result(session_id, sequence)
    if tx.get(key) is None:
        rows.RESULT.put(tx, key, OperationResult(b"", tx.stamp(), body_of(error)))


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
    if version.kind is not VersionKind.OBJECT:
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
