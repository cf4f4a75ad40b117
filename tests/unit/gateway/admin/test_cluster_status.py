"""GetStatus, over a client in memory."""

import pytest
from grpc import StatusCode

from shoal.gateway.admin.cluster_status import StatusReport
from shoal.model.access_keys import Scope
from shoal.model.cluster import NodeState
from shoal_pb import admin_pb2
from support.fake_client import make_status
from support.rpc_bench import Ended, FakeContext, FileCluster, opened_door, stream


async def test_the_cluster_is_told_as_a_whole() -> None:
    cluster = FileCluster()
    cluster.cluster_status = make_status(NodeState.UP, NodeState.UP, NodeState.DOWN)
    async with opened_door(cluster) as door:
        raw = await StatusReport(door).call(stream([b""]), FakeContext().as_context())
    told = admin_pb2.ClusterStatus.FromString(raw)
    assert (told.nodes_up, told.nodes_suspect, told.nodes_down) == (2, 0, 1)
    assert (told.map_version, told.copies, told.write_quorum) == (7, 3, 2)
    assert (told.objects, told.chunks, told.under_replicated, told.unreadable) == (1, 4, 2, 0)
    assert list(told.warnings) == ["the catalog has 1 copy"]


async def test_it_is_told_to_admins_alone() -> None:
    cluster = FileCluster()
    cluster.scope_told = Scope.WRITE
    async with opened_door(cluster) as door:
        for context in (FakeContext(), FakeContext(())):
            with pytest.raises(Ended) as ended:
                await StatusReport(door).call(stream([b""]), context.as_context())
            assert ended.value.code in (StatusCode.PERMISSION_DENIED, StatusCode.UNAUTHENTICATED)
