"""A real gRPC server with both services, over a client in memory."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from shoal.base.ids import Address
from shoal.gateway.admin.service import SERVICE as ADMIN
from shoal.gateway.admin.service import admin_service
from shoal.gateway.files.service import SERVICE as FILES
from shoal.gateway.files.service import file_service
from shoal.gateway.files.settings import FileServiceSettings
from shoal.gateway.rpc.health import HealthReport
from shoal.gateway.rpc.server import ServerSettings, serving
from shoal.wiring.env import RealClock
from support.rpc_bench import FileCluster, opened_door
from support.stores import EventLog

ANYWHERE = Address("127.0.0.1:0")


@asynccontextmanager
async def served(
    cluster: FileCluster, *, files: FileServiceSettings | None = None, server: ServerSettings | None = None
) -> AsyncIterator[Address]:
    """Where it listens; keyless calls of the file service are let in."""
    clock = RealClock()
    async with opened_door(cluster) as door:
        services = {
            FILES: file_service(door, clock=clock, settings=files or FileServiceSettings(is_open=True)),
            ADMIN: admin_service(door, clock=clock),
        }
        report = HealthReport(cluster.status, tuple(services), clock=clock, log=EventLog())
        async with serving(ANYWHERE, services, report, settings=server or ServerSettings()) as address:
            yield address


async def raw_call(
    channel: grpc.aio.Channel, method: str, *messages: bytes, metadata: Sequence[tuple[str, str | bytes]] = ()
) -> list[bytes]:
    """What any method answers to these bytes; on the wire all kinds of calls are the same."""

    async def sent() -> AsyncIterator[bytes]:
        for message in messages:
            yield message

    call: Any = channel.stream_stream(method)
    return [reply async for reply in call(sent(), metadata=tuple(metadata))]


@asynccontextmanager
async def channel_to(address: Address) -> AsyncIterator[grpc.aio.Channel]:
    """A connection of its own, which sends messages of any size."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield channel
