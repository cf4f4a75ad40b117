"""ListNodes, over a client in memory."""

from msgspec.structs import replace

from shoal.gateway.admin.nodes import NodeListing
from shoal.model.cluster import NodeState
from shoal_pb import admin_pb2
from support.fake_client import make_status
from support.rpc_bench import FakeContext, FileCluster, opened_door, stream


async def test_all_nodes_are_told_with_the_maps_version() -> None:
    cluster = FileCluster()
    status = make_status(NodeState.UP, NodeState.DOWN)
    cluster.cluster_status = replace(status, usage=status.usage[:1])
    async with opened_door(cluster) as door:
        raw = await NodeListing(door).call(stream([b""]), FakeContext().as_context())
    told = admin_pb2.ListNodesResponse.FromString(raw)
    assert told.map_version == 7
    assert [(node.name, node.HasField("silent_ms")) for node in told.nodes] == [("node-1", True), ("node-2", False)]
