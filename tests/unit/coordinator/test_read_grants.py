"""Replicas come in the order to try them, each with a grant for it alone."""

from msgspec.structs import replace

from shoal.base.ids import ReplicaId, WallNs
from shoal.base.units import MINUTE
from shoal.coordinator.read_grants import ReadGrants
from shoal.core.catalog.lookup import KnownChunk, first_chunks
from shoal.core.trust.grants import check_replica
from shoal.formats.grant import GrantKind, open_grant
from shoal.model.catalog import PlacementState
from shoal.model.cluster import NodeState
from shoal.model.messages.objects import WithheldReplica
from support.catalog_bench import KEYS, CatalogBench, make_commit
from support.members import node_id

UP = {node_id(name): NodeState.UP for name in "abc"}


def known() -> KnownChunk:
    bench = CatalogBench()
    session = bench.session()
    version = bench.commit(
        session, make_commit("name", bench.uploads(session, b"data", holders="ab", awaited="c"), sequence=1)
    )
    return first_chunks(bench.rows, version)[0]


def test_confirmed_replicas_come_each_with_its_own_grant() -> None:
    chunk = known()
    grants = ReadGrants(KEYS.grant_key, UP, expires=WallNs(MINUTE))
    (location,) = grants.locate([chunk])
    assert [replica.node for replica in location.replicas] == [node_id("a"), node_id("b")]
    assert grants.count == 2
    assert location.withheld == (WithheldReplica(node_id("c"), 0, 3, PlacementState.INTENDED),)
    for replica in location.replicas:
        address = ReplicaId(chunk.ref.chunk, replica.shard, replica.placement)
        grant = open_grant(replica.grant, KEYS.grant_key)
        check_replica(grant, GrantKind.READ, address, node=replica.node, wall=WallNs(MINUTE))


def test_nodes_that_are_up_come_first_and_those_that_left_not_at_all() -> None:
    chunk = known()
    late = ReadGrants(KEYS.grant_key, {**UP, node_id("a"): NodeState.DOWN}, expires=WallNs(MINUTE))
    assert [replica.node for replica in late.locate([chunk])[0].replicas] == [node_id("b"), node_id("a")]
    alone = ReadGrants(KEYS.grant_key, {node_id("b"): NodeState.UP}, expires=WallNs(MINUTE))
    assert [replica.node for replica in alone.locate([chunk])[0].replicas] == [node_id("b")]


def test_damaged_replicas_are_not_handed_out() -> None:
    chunk = known()
    first, *others = chunk.row.placements
    row = replace(chunk.row, placements=(replace(first, state=PlacementState.DAMAGED), *others))
    (location,) = ReadGrants(KEYS.grant_key, UP, expires=WallNs(MINUTE)).locate([KnownChunk(chunk.ref, row)])
    assert [replica.node for replica in location.replicas] == [node_id("b")]
    assert [each.state for each in location.withheld] == [PlacementState.DAMAGED, PlacementState.INTENDED]
