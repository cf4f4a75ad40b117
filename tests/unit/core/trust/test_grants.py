"""What a grant lets its bearer do: that one thing, until it expires."""

import pytest
from msgspec.structs import replace

from shoal.base.errors import AccessDenied
from shoal.base.ids import NodeId, ReplicaId, SessionId, WallNs, mint_chunk_id
from shoal.base.units import MILLISECOND
from shoal.core.trust.grants import check_put, check_replica
from shoal.formats.grant import Grant, GrantKind

SESSION, FOREIGN = SessionId(7), SessionId(8)
NODE, OTHER = NodeId("a" * 32), NodeId("b" * 32)
REPLICA = ReplicaId(mint_chunk_id(SESSION, 1), 0, 1)
EXPIRES_MS = 1_000
EXPIRY = WallNs(EXPIRES_MS * MILLISECOND)
PUT = Grant(kind=GrantKind.PUT, expires_ms=EXPIRES_MS, session=SESSION)
READ = Grant(kind=GrantKind.READ, expires_ms=EXPIRES_MS, replica=REPLICA, node=NODE)
REMOVE = replace(READ, kind=GrantKind.REMOVE, epoch=3)


@pytest.mark.parametrize("counter", [0, 1, 2**64 - 1])
def test_a_session_may_store_any_chunk_of_its_own(counter: int) -> None:
    check_put(PUT, ReplicaId(mint_chunk_id(SESSION, counter), 0, 255), wall=EXPIRY)


@pytest.mark.parametrize(
    ("grant", "replica"),
    [
        (PUT, REPLICA._replace(chunk=mint_chunk_id(FOREIGN, 1))),
        (replace(PUT, session=SessionId(0)), REPLICA),
        (replace(PUT, kind=GrantKind.READ), REPLICA),
        (replace(PUT, kind=GrantKind.REMOVE), REPLICA),
        (READ, REPLICA),
        (REMOVE, REPLICA),
        (replace(READ, session=SESSION), REPLICA),
    ],
)
def test_nobody_else_may_store_it(grant: Grant, replica: ReplicaId) -> None:
    with pytest.raises(AccessDenied):
        check_put(grant, replica, wall=WallNs(0))


@pytest.mark.parametrize("grant", [READ, REMOVE])
def test_a_grant_is_for_one_replica_on_one_node(grant: Grant) -> None:
    check_replica(grant, grant.kind, REPLICA, node=NODE, wall=EXPIRY)


@pytest.mark.parametrize(
    ("grant", "kind", "replica", "node"),
    [
        (READ, GrantKind.REMOVE, REPLICA, NODE),
        (REMOVE, GrantKind.READ, REPLICA, NODE),
        (PUT, GrantKind.READ, REPLICA, NODE),
        (PUT, GrantKind.PUT, REPLICA, NODE),
        (replace(READ, kind=GrantKind.PUT), GrantKind.READ, REPLICA, NODE),
        (READ, GrantKind.READ, REPLICA, OTHER),
        (READ, GrantKind.READ, REPLICA._replace(chunk=mint_chunk_id(SESSION, 2)), NODE),
        (READ, GrantKind.READ, REPLICA._replace(shard=1), NODE),
        (READ, GrantKind.READ, REPLICA._replace(placement=2), NODE),
    ],
)
def test_it_is_for_nothing_else(grant: Grant, kind: GrantKind, replica: ReplicaId, node: NodeId) -> None:
    with pytest.raises(AccessDenied):
        check_replica(grant, kind, replica, node=node, wall=WallNs(0))


def test_a_grant_ends_with_its_last_millisecond() -> None:
    late = WallNs(EXPIRY + 1)
    with pytest.raises(AccessDenied, match="expired"):
        check_put(PUT, REPLICA, wall=late)
    for grant in (READ, REMOVE):
        with pytest.raises(AccessDenied, match="expired"):
            check_replica(grant, grant.kind, REPLICA, node=NODE, wall=late)
