"""A gateway as a process: gRPC on one side, a cluster on the other."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from shoal.base.errors import DiskFailed
from shoal.base.ids import Address
from shoal.base.units import SECOND
from shoal.client.client import Client
from shoal.client.one_error import one_error
from shoal.client.settings import ClientSettings
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.signing import DOOR_KEY_PREFIX, Credential
from shoal.gateway.admin.service import SERVICE as ADMIN
from shoal.gateway.admin.service import admin_service
from shoal.gateway.callers import calling
from shoal.gateway.files.service import SERVICE as FILES
from shoal.gateway.files.service import file_service
from shoal.gateway.files.settings import FileServiceSettings
from shoal.gateway.rpc.door import RpcDoor
from shoal.gateway.rpc.health import HealthReport
from shoal.gateway.rpc.server import ServerSettings, serving
from shoal.ports.log import Log
from shoal.wiring.cluster_files import JOIN, JoinFile, read_json, secret_of, write_grpc
from shoal.wiring.connect import ClusterAddress, find_cluster, open_client
from shoal.wiring.defaults import DEFAULT_DATA
from shoal.wiring.env import RealClock

DOOR = "gateway"
_PROBE_PATIENCE_NS = 3 * SECOND


@dataclass(frozen=True, slots=True)
class GatewayProcess:
    """What an operator says about a gateway. `cluster` tells where it is, and with whose key callers without one are
    served, if they are."""

    cluster: ClusterAddress
    listen: Address
    data: Path | None = None
    """The cluster's directory, if it is here: its users find the gateway there."""
    files: FileServiceSettings = field(default_factory=FileServiceSettings)
    server: ServerSettings = field(default_factory=ServerSettings)


def door_credential(data: Path) -> Credential:
    """The key of the gateway of a cluster whose directory is here: it may write the doors' buckets and nothing else.

    Raises: NotFound, AccessDenied, InvalidArgument.
    """
    keys = ClusterKeys(secret_of(read_json(data / JOIN, JoinFile)))
    return Credential(f"{DOOR_KEY_PREFIX}{DOOR}", keys.door_key(DOOR))


def gateway_cluster(*, data: Path | None, endpoint: str | None) -> ClusterAddress:
    """The cluster that the arguments name (both None: the one in the default directory), with the door's own key if
    its secret is there, else with that of its user. Raises: as `find_cluster`."""
    cluster = find_cluster(data=data, endpoint=endpoint)
    directory = data or DEFAULT_DATA
    if endpoint or not (directory / JOIN).exists():
        return cluster
    return replace(cluster, credential=door_credential(directory))


@asynccontextmanager
async def running_gateway(process: GatewayProcess, log: Log) -> AsyncIterator["RunningGateway"]:
    """A gateway that listens; `run` watches the cluster's health. Raises: AlreadyExists (the port is taken),
    InvalidArgument."""
    clock = RealClock()
    settings = ClientSettings(bytes_in_flight=process.files.bytes_in_flight)

    def opened(credential: Credential) -> AbstractAsyncContextManager[Client]:
        cluster = ClusterAddress(process.cluster.coordinators, credential)
        return open_client(cluster, log=log, settings=settings)

    async with AsyncExitStack() as stack:
        probing = open_client(process.cluster, log=log, settings=ClientSettings(patience_ns=_PROBE_PATIENCE_NS))
        prober = await stack.enter_async_context(probing)
        own = process.cluster.credential if process.files.is_open else None
        callers = await stack.enter_async_context(calling(clock, opened, own=own))
        door = RpcDoor(callers, log=log)
        services = {
            FILES: file_service(door, clock=clock, settings=process.files),
            ADMIN: admin_service(door, clock=clock),
        }
        report = HealthReport(lambda: prober.map_since(0), tuple(services), clock=clock, log=log)
        address = await stack.enter_async_context(serving(process.listen, services, report, settings=process.server))
        if process.data is not None:
            _tell_users(process.data, address, log)
        yield RunningGateway(address, report)


def _tell_users(data: Path, address: Address, log: Log) -> None:
    try:
        write_grpc(data, [address])
    except DiskFailed as exc:
        # The directory may be another user's; the address was told at the start as well.
        log.warning("endpoint_not_written", why=exc.sentence)


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """`run` does its rounds; `address` is where it listens."""

    address: Address
    report: HealthReport

    async def run(self) -> None:
        """Until cancelled."""
        async with one_error():
            await self.report.run()
