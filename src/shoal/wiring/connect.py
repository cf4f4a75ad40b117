"""From "which cluster?" to an open client: a data directory, or an endpoint with a key, or the environment."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.base.ids import Address
from shoal.base.units import SECOND
from shoal.client.client import Client
from shoal.client.remote_catalog import RemoteCatalog
from shoal.client.settings import ClientSettings
from shoal.core.trust.signing import Credential
from shoal.model.cluster import CHUNK_BYTES_MAX
from shoal.net.address import parse_address
from shoal.net.client import HttpLink
from shoal.net.settings import LinkSettings
from shoal.ports.log import Log
from shoal.wiring.cluster_files import CREDENTIALS, read_credential, read_endpoints
from shoal.wiring.defaults import DEFAULT_DATA
from shoal.wiring.env import diskless_env

PATIENCE_S = ClientSettings().patience_ns / SECOND
"""As users have it who say nothing of it."""

_PARALLEL_MAX = 256


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """Where a cluster is, and who asks."""

    coordinators: tuple[Address, ...]
    credential: Credential


def find_cluster(
    *, data: Path | None = None, endpoint: str | None = None, environ: Mapping[str, str] = os.environ
) -> ClusterAddress:
    """The cluster that the arguments name, else the environment, else `./shoal-data`.

    An argument beats the environment; an endpoint beats a directory. With an endpoint the key comes from SHOAL_KEY
    and SHOAL_SECRET. Raises: NodeUnreachable, AccessDenied, InvalidArgument, each saying what to do.
    """
    if endpoint is None and data is None:
        endpoint = environ.get("SHOAL_ENDPOINT")
    if endpoint:
        return ClusterAddress(_addresses(endpoint), _credential(environ))
    directory = data or Path(environ.get("SHOAL_DATA") or DEFAULT_DATA)
    return ClusterAddress(read_endpoints(directory), read_credential(directory / CREDENTIALS))


def _addresses(endpoint: str) -> tuple[Address, ...]:
    addresses = tuple(Address(part.strip().removeprefix("http://")) for part in endpoint.split(","))
    for address in addresses:
        parse_address(address)
    return addresses


def _credential(environ: Mapping[str, str]) -> Credential:
    key, secret = environ.get("SHOAL_KEY"), environ.get("SHOAL_SECRET")
    if not key or not secret:
        raise AccessDenied("an endpoint needs a key: set SHOAL_KEY and SHOAL_SECRET (`shoal up` prints where they are)")
    try:
        return Credential(key, secret.encode())
    except InvalidArgument as exc:
        raise InvalidArgument(f"SHOAL_KEY and SHOAL_SECRET: {exc.sentence}") from exc


def client_settings(*, patience: float = PATIENCE_S, parallel: int | None = None) -> ClientSettings:
    """What users may set: `patience` in seconds, and how many chunks of one transfer travel at a time, whatever their
    size. Raises: InvalidArgument."""
    if not 0 < patience < inf:
        raise InvalidArgument(f"a patience of {patience} seconds is not possible; give more than 0")
    settings = ClientSettings(patience_ns=max(1, int(patience * SECOND)))
    if parallel is None:
        return settings
    if not 1 <= parallel <= _PARALLEL_MAX:
        raise InvalidArgument(f"{parallel} chunks at a time are not possible; give 1 to {_PARALLEL_MAX}")
    return replace(settings, chunks_in_flight=parallel, bytes_in_flight=parallel * CHUNK_BYTES_MAX)


@asynccontextmanager
async def open_client(
    cluster: ClusterAddress,
    *,
    log: Log,
    settings: ClientSettings | None = None,
    link_settings: LinkSettings | None = None,
) -> AsyncIterator[Client]:
    """An open client. Its Env has no disk of its own: a user's files are read and written by sources and sinks."""
    chosen = settings or ClientSettings()
    with diskless_env() as env:
        link = HttpLink(env.clock, link_settings or LinkSettings(), log)
        remote = RemoteCatalog(
            env, link, coordinators=cluster.coordinators, credential=cluster.credential, settings=chosen
        )
        client = Client(
            env, link=link, catalog=remote, directory=remote, administration=remote, settings=chosen, log=log
        )
        async with client:
            yield client
