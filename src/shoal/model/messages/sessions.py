"""Client <-> coordinator: sessions and the cluster map."""

import msgspec

from shoal.base.ids import SessionId
from shoal.model.access_keys import Scope
from shoal.model.cluster import MapDelta


class OpenSession(msgspec.Struct, frozen=True, array_like=True):
    """Ask for a right to write (and to have one's reads protected)."""

    map_version: int = 0


class SessionOpened(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """`put_grant` covers PUT of the session's own chunks at every node; empty if the key may not write. `scope` is the
    key's."""

    session: SessionId
    ttl_ns: int
    put_grant: bytes
    commit_number: int
    delta: MapDelta
    scope: Scope = Scope.READ


class SessionHeartbeat(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """`oldest_lookup` is the commit number of the oldest open lookup, or else the newest that the client had seen."""

    session: SessionId
    oldest_lookup: int
    map_version: int
    done_below: int
    """All operations with a lower sequence number are over: their results may be forgotten."""


class SessionAlive(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """The session goes on; the grant is renewed."""

    put_grant: bytes
    commit_number: int
    delta: MapDelta


class CloseSession(msgspec.Struct, frozen=True, array_like=True):
    """End it now: nothing of it can commit any more."""

    session: SessionId


class SessionClosed(msgspec.Struct, frozen=True, array_like=True):
    """It is dead, or was already."""

    session: SessionId


class GetMap(msgspec.Struct, frozen=True, array_like=True):
    """Ask for what changed since `map_version`."""

    map_version: int = 0
