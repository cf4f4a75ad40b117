"""Health and reflection behind the gate, at a real server: open to who asks, closed to large messages."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError, Channel
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from shoal.gateway.rpc.small_requests import READ_AT_A_TIME, REQUEST_BYTES_MAX
from support.rpc_bench import FileCluster
from support.rpc_server import channel_to, raw_call, served

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
LISTING = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()


async def refusal(channel: Channel, method: str, *messages: bytes) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(AioRpcError) as refused:
        await raw_call(channel, method, *messages)
    return refused.value.code(), refused.value.details() or ""


@pytest.mark.parametrize("method", [CHECK, WATCH, REFLECTION])
@pytest.mark.parametrize(
    ("message", "says"),
    [(bytes(REQUEST_BYTES_MAX + 1), "a request has at most"), (b"\xff" * 50, "no message of this method")],
)
async def test_what_is_large_or_no_message_is_refused(method: str, message: bytes, says: str) -> None:
    async with served(FileCluster()) as address, channel_to(address) as channel:
        code, details = await refusal(channel, method, message)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert says in details


@pytest.mark.parametrize("method", [CHECK, WATCH])
async def test_more_or_fewer_than_one_question_about_health_are_refused(method: str) -> None:
    async with served(FileCluster()) as address, channel_to(address) as channel:
        for messages in ((), (b"", b"")):
            assert (await refusal(channel, method, *messages))[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_watcher_of_health_is_told_at_once() -> None:
    async with served(FileCluster()) as address, channel_to(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watching = stub.Watch(health_pb2.HealthCheckRequest(service=""))
        assert (await anext(aiter(watching))).status == health_pb2.HealthCheckResponse.SERVING
        watching.cancel()


async def test_what_the_library_refuses_is_refused_as_it_says() -> None:
    unknown = health_pb2.HealthCheckRequest(service="nobody's").SerializeToString()
    async with served(FileCluster()) as address, channel_to(address) as channel:
        assert (await refusal(channel, CHECK, unknown))[0] is grpc.StatusCode.NOT_FOUND
        assert (await refusal(channel, "/nobody.Knows/This", b""))[0] is grpc.StatusCode.UNIMPLEMENTED


async def test_who_says_nothing_to_one_service_holds_up_no_other() -> None:
    never = asyncio.Event()

    async def silence() -> AsyncIterator[bytes]:
        await never.wait()
        yield b""

    async with served(FileCluster()) as address, channel_to(address) as channel:
        check: Any = channel.stream_stream(CHECK)
        silent = [check(silence()) for _ in range(READ_AT_A_TIME)]
        (reply,) = await raw_call(channel, REFLECTION, LISTING)
        for call in silent:
            call.cancel()
        assert await raw_call(channel, CHECK, b"")
    assert reflection_pb2.ServerReflectionResponse.FromString(reply).list_services_response.service
