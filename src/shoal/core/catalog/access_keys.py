"""Access keys as rows: made once, never changed but by their revocation, never removed.

Revoking writes the row and declares every living session of the key dead, in one transaction; opening a session reads
the row. So a commit of a key happened before its revocation, or finds its session over.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from shoal.base.errors import AccessDenied, AlreadyExists, InvalidArgument, NotFound, PreconditionFailed
from shoal.base.ids import SessionId, WallNs
from shoal.base.units import DAY, SECOND
from shoal.core.catalog import rows
from shoal.core.catalog.cluster_map import scan_all
from shoal.core.catalog.listing import check_limit
from shoal.core.catalog.sessions import end_sessions
from shoal.core.names import check_bucket
from shoal.core.trust.access import is_expired
from shoal.core.trust.signing import DOOR_KEY_PREFIX, check_key_id
from shoal.formats import keys
from shoal.model.access_keys import AccessKeyRow, Scope
from shoal.model.messages.keys import CreateKey, KeyInfo, KeyList, ListKeys
from shoal.ports.engine import Snapshot, Tx

NAME_CHARS_MAX = 128
BUCKETS_MAX = 100
LIFETIME_NS_MIN = SECOND
LIFETIME_NS_MAX = 100 * 365 * DAY
FIRST_KEY_NAME = "first key"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key's row with its id."""

    key_id: str
    row: AccessKeyRow

    @property
    def info(self) -> KeyInfo:
        """What may be told of it."""
        row = self.row
        return KeyInfo(
            key_id=self.key_id,
            name=row.name,
            scope=row.scope,
            buckets=row.buckets,
            created_ns=row.created_ns,
            expires_ns=row.expires_ns,
            revoked_ns=row.revoked_ns,
        )


@dataclass(frozen=True, slots=True)
class Revocation:
    """A key that is over, and the sessions that ended with it."""

    key: KnownKey
    sessions: tuple[SessionId, ...]


def check_new_key(request: CreateKey) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    if len(request.name) > NAME_CHARS_MAX or not request.name.isprintable():
        raise InvalidArgument(f"the name of a key is printable text of at most {NAME_CHARS_MAX} characters")
    if len(request.buckets) > BUCKETS_MAX:
        raise InvalidArgument(f"a key is limited to at most {BUCKETS_MAX} buckets", got=len(request.buckets))
    for bucket in request.buckets:
        check_bucket(bucket)
    if request.lifetime_ns is not None and not LIFETIME_NS_MIN <= request.lifetime_ns <= LIFETIME_NS_MAX:
        raise InvalidArgument("a key lives for a second to 100 years", got=request.lifetime_ns)


def add_key(tx: Tx, key_id: str, request: CreateKey, *, sealed: bytes, wall: WallNs) -> KnownKey:
    """Write the row of a new key. Raises: AlreadyExists if there is or was one with this id."""
    if tx.get(keys.access_key(key_id)) is not None:
        raise AlreadyExists("the id of the new key is taken: try again", key=key_id)
    row = AccessKeyRow(
        name=request.name,
        scope=request.scope,
        buckets=tuple(sorted(set(request.buckets))),
        created_ns=tx.stamp(),
        expires_ns=None if request.lifetime_ns is None else WallNs(wall + request.lifetime_ns),
        sealed=sealed,
    )
    rows.ACCESS_KEY.put(tx, keys.access_key(key_id), row)
    return KnownKey(key_id, row)


def adopt_first_key(tx: Tx, key_id: str, *, sealed: bytes, wall: WallNs) -> None:
    """Let a key that was made beside the catalog do everything; one that has a row already stays what it is."""
    if tx.get(keys.access_key(key_id)) is None:
        add_key(tx, key_id, CreateKey(name=FIRST_KEY_NAME, scope=Scope.ADMIN), sealed=sealed, wall=wall)


def read_keys(snapshot: Snapshot) -> list[KnownKey]:
    """All keys that ever were, in order of their ids."""
    found = scan_all(snapshot, keys.ACCESS_KEYS)
    return [KnownKey(keys.access_key_id(key), rows.ACCESS_KEY.load(value)) for key, value in found]


def has_keys(snapshot: Snapshot) -> bool:
    """Whether there ever was a key."""
    return bool(snapshot.scan(*keys.ACCESS_KEYS, limit=1))


def check_key_listing(request: ListKeys) -> None:
    """Check all that needs no row. Raises: InvalidArgument."""
    check_limit(request.limit)
    if request.after:
        check_key_id(request.after)


def list_keys(snapshot: Snapshot, request: ListKeys) -> KeyList:
    """One page of keys, revoked ones included."""
    start, end = keys.ACCESS_KEYS
    if request.after:
        start = keys.access_key(request.after) + b"\x00"
    found = snapshot.scan(start, end, limit=request.limit + 1)
    page = [KnownKey(keys.access_key_id(key), rows.ACCESS_KEY.load(value)) for key, value in found[: request.limit]]
    has_more = len(found) > request.limit
    return KeyList(tuple([known.info for known in page]), page[-1].key_id if has_more else "")


def check_usable(snapshot: Snapshot, key_id: str) -> None:
    """Raises: AccessDenied if the key is revoked; a transaction that asks conflicts with its revocation. A door's key
    has no row: it lasts as long as the cluster's secret."""
    if key_id.startswith(DOOR_KEY_PREFIX):
        return
    row = rows.ACCESS_KEY.find(snapshot, keys.access_key(key_id))
    if row is None or row.revoked_ns is not None:
        raise AccessDenied("the access key has been revoked", key=key_id)


def revoke_key(tx: Tx, key_id: str, *, wall: WallNs) -> Revocation:
    """End a key and its living sessions; nothing happens to one that is revoked already. Cost: a pass over the rows of
    all sessions.

    Raises: InvalidArgument; NotFound; PreconditionFailed for the last key that may create others.
    """
    key = keys.access_key(check_key_id(key_id))
    row = rows.ACCESS_KEY.find(tx, key)
    if row is None:
        raise NotFound(f"there is no access key {key_id}; `shoal key list` shows them", key=key_id)
    if row.revoked_ns is not None:
        return Revocation(KnownKey(key_id, row), ())
    if _administers(row, wall):
        _check_others(tx, key_id, wall=wall)
    revoked = replace(row, revoked_ns=tx.stamp(), sealed=b"")
    rows.ACCESS_KEY.put(tx, key, revoked)
    return Revocation(KnownKey(key_id, revoked), end_sessions(tx, key_id))


def _check_others(tx: Tx, key_id: str, *, wall: WallNs) -> None:
    if not any(known.key_id != key_id and _administers(known.row, wall) for known in read_keys(tx)):
        raise PreconditionFailed(
            "this is the last key that may look after the cluster: create another one with admin scope first",
            key=key_id,
        )


def _administers(row: AccessKeyRow, wall: WallNs) -> bool:
    is_over = row.revoked_ns is not None or is_expired(row.expires_ns, wall)
    return row.scope is Scope.ADMIN and not row.buckets and not is_over
