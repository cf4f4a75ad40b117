"""From a file verb to the service that keeps the files: a cluster, or a gRPC server that $SERVER_ADDR names."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from shoal.app import calling
from shoal.app.filestore.cluster_files import ClusterFiles
from shoal.app.filestore.server_address import server_address, server_credential, warn_of_readable_key
from shoal.app.filestore.service import FileService
from shoal.app.options import Shared
from shoal.client.settings import ClientSettings

if TYPE_CHECKING:
    from shoal.base.ids import Address

T = TypeVar("T")


def call_files(shared: Shared, work: Callable[[FileService], Awaitable[T]]) -> T:
    """Do `work` with the files of the server or cluster that was named. Raises: as `call_cluster`, and what is wrong
    with SERVER_ADDR."""
    address = server_address()
    if address is None:
        return calling.call_cluster(shared, lambda client: work(ClusterFiles(client)))
    return asyncio.run(_call_server(address, shared, work))


async def _call_server(address: "Address", shared: Shared, work: Callable[[FileService], Awaitable[T]]) -> T:
    from shoal.app.filestore.served_files import ServedFiles
    from shoal.wiring.file_server import open_file_server

    credential = server_credential()
    if credential is not None and not shared.is_quiet:
        warn_of_readable_key(address)
    patience_ns = shared.patience_ns or ClientSettings().patience_ns
    async with open_file_server(address, credential=credential, patience_ns=patience_ns) as server:
        return await work(ServedFiles(server))
