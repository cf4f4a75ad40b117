"""A real server: what it refuses by itself, what it tells of itself, and what a stream is whose sender has gone."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from shoal.base.errors import AlreadyExists, InvalidArgument, NodeUnreachable
from shoal.base.ids import Address
from shoal.base.units import MIB
from shoal.gateway.rpc.server import ServerSettings
from shoal.model.cluster import ClusterMap, ClusterSettings
from shoal_pb.filestore_pb2 import UploadRequest
from shoal_pb.filestore_pb2_grpc import FileStoreStub
from support import rpc_server
from support.rpc_bench import FileCluster
from support.rpc_server import channel_to, served

DYING_SENDER = """
import os, signal, sys, time
import grpc
from shoal_pb.filestore_pb2 import UploadRequest
from shoal_pb.filestore_pb2_grpc import FileStoreStub

def messages():
    yield UploadRequest(filename="short", chunk=b"x" * 1000)
    yield UploadRequest(chunk=b"x" * 1000)
    print("sent", flush=True)
    time.sleep(60)

FileStoreStub(grpc.insecure_channel(sys.argv[1])).Upload(messages())
"""


async def uploading(*messages: UploadRequest, then: asyncio.Event | None = None) -> AsyncIterator[UploadRequest]:
    for message in messages:
        yield message
    if then is not None:
        await then.wait()


async def test_services_are_found_by_reflection() -> None:
    async def ask() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        for symbol in ("filestore.FileStore", "shoal.v1.Admin"):
            yield reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)

    async with served(FileCluster()) as address, channel_to(address) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]
        replies = [reply async for reply in stub.ServerReflectionInfo(ask())]
    assert {each.name for each in replies[0].list_services_response.service} == {
        "filestore.FileStore", "shoal.v1.Admin", "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection",
    }  # fmt: skip
    assert all(reply.file_descriptor_response.file_descriptor_proto for reply in replies[1:])


@pytest.mark.parametrize("service", ["", "filestore.FileStore", "shoal.v1.Admin"])
@pytest.mark.parametrize("answers", [True, False])
async def test_health_is_told_of_each_service(service: str, answers: bool) -> None:
    cluster = FileCluster()
    cluster.failing = None if answers else NodeUnreachable("nobody answers")
    async with served(cluster) as address, channel_to(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        told = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    assert (told.status == health_pb2.HealthCheckResponse.SERVING) == answers


async def test_a_sender_that_is_killed_never_stores_a_short_file() -> None:
    cluster = FileCluster()
    async with served(cluster) as address:
        for _ in range(3):
            sender = await asyncio.create_subprocess_exec(
                sys.executable, "-c", DYING_SENDER, address, stdout=asyncio.subprocess.PIPE
            )
            try:
                assert sender.stdout is not None
                assert await sender.stdout.readline() == b"sent\n"
            finally:
                os.kill(sender.pid, signal.SIGKILL)
                await sender.wait()
        async with channel_to(address) as channel:  # by now the server has seen the others end
            await FileStoreStub(channel).Upload(uploading(UploadRequest(filename="whole", chunk=b"x")))
    assert list(cluster.keys.values()) == ["whole"]


async def test_a_call_that_is_cancelled_never_stores_a_short_file() -> None:
    cluster, never = FileCluster(), asyncio.Event()
    async with served(cluster) as address, channel_to(address) as channel:
        stub = FileStoreStub(channel)
        for _ in range(20):
            call = stub.Upload(uploading(UploadRequest(filename="short", chunk=b"x" * 1000), then=never))
            await asyncio.sleep(0.002)
            call.cancel()
        await stub.Upload(uploading(UploadRequest(filename="whole", chunk=b"x")))
    assert list(cluster.keys.values()) == ["whole"]


async def test_a_message_that_is_too_large_ends_the_call_and_stores_nothing() -> None:
    cluster = FileCluster()
    async with served(cluster) as address, channel_to(address) as channel:
        stub = FileStoreStub(channel)
        large = UploadRequest(chunk=bytes(17 * MIB))
        with pytest.raises(AioRpcError, match="larger than max") as refusal:
            await stub.Upload(uploading(UploadRequest(filename="short", chunk=b"x"), large))
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        cluster.view.map = ClusterMap("c" * 32, 1, ClusterSettings(), ())
        whole = UploadRequest(filename="whole", chunk=bytes(16 * MIB))
        assert (await stub.Upload(uploading(whole))).size == 16 * MIB
    assert list(cluster.keys.values()) == ["whole"]


async def outcome(call: grpc.aio.StreamUnaryCall[Any, Any]) -> grpc.StatusCode:
    return await call.code()


async def test_calls_beyond_the_limit_are_refused_and_later_ones_served() -> None:
    never, seen = asyncio.Event(), set[grpc.StatusCode]()
    async with served(FileCluster(), server=ServerSettings(calls_max=2)) as address, channel_to(address) as channel:
        stub = FileStoreStub(channel)
        calls = [stub.Upload(uploading(UploadRequest(filename="a"), then=never)) for _ in range(3)]
        outcomes = [asyncio.ensure_future(outcome(call)) for call in calls]
        (refused,), waiting = await asyncio.wait(outcomes, return_when=asyncio.FIRST_COMPLETED)
        assert refused.result() is grpc.StatusCode.RESOURCE_EXHAUSTED
        for call in calls:
            call.cancel()
        await asyncio.wait(waiting)
        while grpc.StatusCode.OK not in seen:
            seen.add(await outcome(stub.Upload(uploading(UploadRequest(filename="c")))))
    assert seen <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}


async def test_a_port_that_is_taken_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(FileCluster()) as address:
        monkeypatch.setattr(rpc_server, "ANYWHERE", address)
        with pytest.raises(AlreadyExists, match="the port is taken"):
            async with served(FileCluster()):
                pass


async def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc_server, "ANYWHERE", Address("here"))
    with pytest.raises(InvalidArgument):
        async with served(FileCluster()):
            pass


def test_limits_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidArgument):
        ServerSettings(calls_max=0)
