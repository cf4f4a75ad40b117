"""The JSON-lines doors of a coordinator and of a node: each with clients of its own, in the process that it stands in.

A door acts for callers who show no key under a key derived from the cluster's secret, which may touch the buckets of
doors and nothing else.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from shoal.base.ids import Address
from shoal.client.client import Client
from shoal.client.settings import ClientSettings
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.signing import DOOR_KEY_PREFIX, Credential
from shoal.gateway.callers import calling
from shoal.gateway.jsonl.call import Commands, Placing
from shoal.gateway.jsonl.door import opened_door
from shoal.gateway.jsonl.service import Service
from shoal.gateway.jsonl.settings import DoorLimits
from shoal.net.address import parse_address
from shoal.ports.log import Log
from shoal.wiring.cluster_files import JoinFile, secret_of
from shoal.wiring.connect import ClusterAddress, open_client
from shoal.wiring.env import RealClock

_NAME = "jsonl"


@dataclass(frozen=True, slots=True)
class JsonlDoor:
    """What an operator says about one door. `said`: `HOST:PORT`, or `:PORT` of this machine."""

    said: str
    needs_auth: bool = False
    placing: Placing = field(default_factory=Placing)
    limits: DoorLimits = field(default_factory=DoorLimits)
    client: ClientSettings = field(default_factory=ClientSettings)

    @property
    def listen(self) -> Address:
        """Where to bind."""
        return jsonl_address(self.said)


def jsonl_address(said: str) -> Address:
    """Where a door listens that is called so: nobody named means this machine alone."""
    return Address(f"127.0.0.1{said}" if said.startswith(":") else said)


@asynccontextmanager
async def running_jsonl(
    door: JsonlDoor, commands: Commands, *, coordinator: Address, join: JoinFile, log: Log
) -> AsyncIterator[str]:
    """A door that listens. Gives how it is called: as the operator said, or, if that left the port open, by what it
    got. Raises: AlreadyExists (the port is taken), InvalidArgument."""
    own = Credential(f"{DOOR_KEY_PREFIX}{_NAME}", ClusterKeys(secret_of(join)).door_key(_NAME))
    clock = RealClock()

    def opened(credential: Credential) -> AbstractAsyncContextManager[Client]:
        return open_client(ClusterAddress((coordinator,), credential), log=log, settings=door.client)

    async with calling(clock, opened, own=own) as callers:
        service = Service(callers, commands, limits=door.limits, placing=door.placing, needs_auth=door.needs_auth)
        async with opened_door(door.listen, service, clock=clock, log=log) as bound:
            log.info("jsonl_door_opened", address=bound)
            yield door.said if parse_address(door.listen)[1] else bound
