"""The admin calls, through a real server and the stubs."""

import grpc
import pytest
from grpc.aio import AioRpcError

from shoal.model.access_keys import Scope
from shoal.model.cluster import MapDelta, NodeState
from shoal_pb import admin_pb2 as pb
from shoal_pb.admin_pb2_grpc import AdminStub
from support.fake_client import make_status
from support.rpc_bench import BEARER, FileCluster
from support.rpc_server import channel_to, raw_call, served


def cluster_of_two() -> FileCluster:
    cluster = FileCluster()
    cluster.cluster_status = make_status(NodeState.UP, NodeState.DOWN)
    cluster.deltas = [MapDelta(full=cluster.cluster_status.map)]
    return cluster


async def test_a_cluster_is_told_listed_and_watched() -> None:
    async with served(cluster_of_two()) as address, channel_to(address) as channel:
        stub = AdminStub(channel)
        assert (await stub.GetStatus(pb.GetStatusRequest(), metadata=BEARER)).nodes_down == 1
        nodes = (await stub.ListNodes(pb.ListNodesRequest(), metadata=BEARER)).nodes
        assert [node.name for node in nodes] == ["node-1", "node-2"]
        watching = stub.WatchNodes(pb.WatchNodesRequest(), metadata=BEARER)
        first = await anext(aiter(watching))
        assert (first.is_whole, first.map_version, len(first.changed)) == (True, 7, 2)
        watching.cancel()


METHODS = ("GetStatus", "ListNodes", "WatchNodes", "ListFiles")


@pytest.mark.parametrize("method", METHODS)
async def test_every_call_needs_an_admins_key(method: str) -> None:
    cluster = cluster_of_two()
    cluster.scope_told = Scope.WRITE
    async with served(cluster) as address, channel_to(address) as channel:
        for metadata, code in (
            ((), grpc.StatusCode.UNAUTHENTICATED),
            (BEARER, grpc.StatusCode.PERMISSION_DENIED),
        ):
            with pytest.raises(AioRpcError) as refusal:
                await raw_call(channel, f"/shoal.v1.Admin/{method}", b"", metadata=metadata)
            assert refusal.value.code() is code
