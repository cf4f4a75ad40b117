"""A gateway joined with a cluster, or with none. What it serves is in `tests/cluster/test_filestore.py`."""

import asyncio
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from shoal.base.errors import AlreadyExists, NodeUnreachable
from shoal.base.ids import Address
from shoal.core.names import DOOR_BUCKETS
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.signing import Credential
from shoal.testing import Cluster
from shoal.wiring.cluster_files import ENDPOINTS, EndpointsFile, found_cluster, read_json, secret_of, write_endpoints
from shoal.wiring.connect import ClusterAddress
from shoal.wiring.env import RealSecrets
from shoal.wiring.gateway import GatewayProcess, door_credential, gateway_cluster, running_gateway
from support.engines import QuietLog

ANYWHERE = Address("127.0.0.1:0")


def test_the_doors_key_is_derived_from_the_clusters_secret(tmp_path: Path) -> None:
    join, _ = found_cluster(tmp_path, RealSecrets())
    assert door_credential(tmp_path) == Credential("door/gateway", ClusterKeys(secret_of(join)).door_key("gateway"))


def test_without_the_secret_it_is_the_users_key(tmp_path: Path) -> None:
    _, credential = found_cluster(tmp_path, RealSecrets())
    write_endpoints(tmp_path, [Address("127.0.0.1:9100")])
    assert gateway_cluster(data=tmp_path, endpoint=None).credential.key_id == "door/gateway"
    (tmp_path / "join").unlink()
    assert gateway_cluster(data=tmp_path, endpoint=None).credential == credential


def test_a_directory_without_a_cluster_is_told(tmp_path: Path) -> None:
    with pytest.raises(NodeUnreachable, match="no cluster in"):
        gateway_cluster(data=tmp_path, endpoint=None)


async def health_at(address: Address) -> int:
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        reply: health_pb2.HealthCheckResponse = await stub.Check(health_pb2.HealthCheckRequest())
        return reply.status


async def test_it_serves_when_the_cluster_answers_and_tells_where() -> None:
    async with Cluster(nodes=1) as cluster:
        process = GatewayProcess(gateway_cluster(data=cluster.data, endpoint=None), ANYWHERE, cluster.data)
        async with running_gateway(process, QuietLog()) as running:
            assert await health_at(running.address) == health_pb2.HealthCheckResponse.SERVING
            assert read_json(cluster.data / ENDPOINTS, EndpointsFile).grpc == [running.address]
            rounds = asyncio.ensure_future(running.run())
            await asyncio.sleep(0)
            rounds.cancel()
            await asyncio.wait([rounds])
            with pytest.raises(AlreadyExists):
                async with running_gateway(GatewayProcess(process.cluster, running.address), QuietLog()):
                    pass
    assert "filestore" in DOOR_BUCKETS


async def test_it_starts_without_a_cluster_and_says_that_it_does_not_serve() -> None:
    nowhere = ClusterAddress((Address("127.0.0.1:1"),), Credential("ANN", b"secret"))
    async with running_gateway(GatewayProcess(nowhere, ANYWHERE), QuietLog()) as running:
        assert await health_at(running.address) == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_a_directory_that_cannot_be_written_is_no_reason_not_to_serve(tmp_path: Path) -> None:
    nowhere = ClusterAddress((Address("127.0.0.1:1"),), Credential("ANN", b"secret"))
    process = GatewayProcess(nowhere, ANYWHERE, tmp_path / "file" / "below")
    (tmp_path / "file").write_text("")
    async with running_gateway(process, QuietLog()) as running:
        assert running.address
