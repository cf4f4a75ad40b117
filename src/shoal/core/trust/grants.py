"""What a grant lets its bearer do. Source: macaroon-like bearer rights, bound as tightly as the call allows."""

from shoal.base.errors import AccessDenied
from shoal.base.ids import NodeId, ReplicaId, WallNs, session_of
from shoal.base.units import MILLISECOND
from shoal.formats.grant import Grant, GrantKind

EXPIRED = "the grant has expired; look up again or renew the session"


def _check_time(grant: Grant, wall: WallNs) -> None:
    if wall > grant.expires_ms * MILLISECOND:
        raise AccessDenied(EXPIRED)


def check_put(grant: Grant, replica: ReplicaId, *, wall: WallNs) -> None:
    """May this replica be stored? Only chunks of the grant's own session. Raises: AccessDenied."""
    if grant.kind is not GrantKind.PUT or grant.session != session_of(replica.chunk):
        raise AccessDenied("the grant is not for writing this chunk", replica=replica.address)
    _check_time(grant, wall)


def check_replica(grant: Grant, kind: GrantKind, replica: ReplicaId, *, node: NodeId, wall: WallNs) -> None:
    """May this replica be read (or removed) here? To remove takes the epoch of a lease, and no lease has epoch 0.

    Raises: AccessDenied."""
    if grant.kind is not kind or grant.replica != replica or grant.node != node:
        raise AccessDenied("the grant is not for this replica on this node", replica=replica.address)
    if kind is GrantKind.REMOVE and grant.epoch == 0:
        raise AccessDenied("the grant to remove a replica names no lease epoch", replica=replica.address)
    _check_time(grant, wall)
