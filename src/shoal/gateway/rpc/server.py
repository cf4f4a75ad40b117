"""The gRPC server of a gateway: its services, and those by which tools find and watch them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from shoal.base.errors import AlreadyExists, InvalidArgument
from shoal.base.ids import Address
from shoal.base.units import KIB, SECOND
from shoal.gateway.files.settings import MESSAGE_BYTES_MAX
from shoal.gateway.rpc.health import HealthReport
from shoal.gateway.rpc.library_gate import LibraryGate
from shoal.net.address import format_address, parse_address

# They register what the services are called with reflection.
from shoal_pb import admin_pb2, filestore_pb2  # noqa: F401

_WINDOW_BYTES = 512 * KIB
"""What a client may send that nobody has asked for yet."""
_SLACK_BYTES = 64 * KIB
"""For all of a message but its bytes."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Limits of one server. All values are positive. Raises: InvalidArgument."""

    calls_max: int = 1000
    """Calls that run at a time; those beyond are refused."""
    streams_max: int = 1000
    """Calls of one connection that run at a time."""
    connections_max: int = 1000
    grace_ns: int = 2 * SECOND
    """How long calls that run may go on once the server stops."""

    def __post_init__(self) -> None:
        if min(self.calls_max, self.streams_max, self.connections_max, self.grace_ns) < 1:
            raise InvalidArgument("limits of the gRPC server are positive")

    def options(self) -> list[tuple[str, int]]:
        """As the library wants them. Source: gRPC Core, channel arguments."""
        return [
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX + _SLACK_BYTES),
            ("grpc.max_concurrent_streams", self.streams_max),
            ("grpc.max_allowed_incoming_connections", self.connections_max),
            # A window that is measured grows to many MiB for each call, read or not; a message that is waited for still
            # gets what it needs.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", _WINDOW_BYTES),
            ("grpc.server_handshake_timeout_ms", 10_000),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.so_reuseport", 0),  # a port that is taken must be an error
        ]


_DEFAULTS = ServerSettings()


@asynccontextmanager
async def serving(
    address: Address,
    services: Mapping[str, grpc.GenericRpcHandler],
    report: HealthReport,
    *,
    settings: ServerSettings = _DEFAULTS,
) -> AsyncIterator[Address]:
    """Serve `services`, by name, at `address`; gives the real one. Calls that run when the context ends have a moment
    to end too. Raises: AlreadyExists (the port is taken), InvalidArgument."""
    server = grpc.aio.server(
        interceptors=(LibraryGate(services.keys()),),
        options=settings.options(),
        maximum_concurrent_rpcs=settings.calls_max,
    )
    server.add_generic_rpc_handlers(tuple(services.values()))
    health_pb2_grpc.add_HealthServicer_to_server(report.servicer, server)
    reflection.enable_server_reflection((*services, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    host, port = parse_address(address)
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as exc:
        raise AlreadyExists(f"cannot listen on {address}: the port is taken, or the address is not ours") from exc
    await report.step()
    await server.start()
    try:
        yield format_address((host, bound or port))
    finally:
        await report.stop()
        await server.stop(settings.grace_ns / SECOND)
