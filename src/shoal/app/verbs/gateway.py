"""`shoal gateway`: gRPC for a cluster: the file service, and admin."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shoal.app.defaults import DEFAULT_GRPC
from shoal.app.grpc_address import grpc_address
from shoal.app.options import yielding
from shoal.app.server_settings import FILESTORE, LOG
from shoal.app.setting import setting
from shoal.app.value_types import GRPC
from shoal.wiring.defaults import DEFAULT_DATA

if TYPE_CHECKING:
    from shoal.wiring.gateway import GatewayProcess
    from shoal.wiring.log import StreamLog


@click.command(epilog="Example: shoal gateway --data shoal-data --grpc 127.0.0.1:9101 --filestore-open")
@setting("--data", type=click.Path(path_type=Path), metavar="DIR", show_default="./shoal-data",
         help="Directory of the cluster: endpoints and the cluster's secret are read there.")  # fmt: skip
@setting("--endpoint", metavar="HOST:PORT",
         help="Coordinator to ask; who shows no key is served under that in $SHOAL_KEY and $SHOAL_SECRET.")  # fmt: skip
@setting("--grpc", type=GRPC, show_default=DEFAULT_GRPC,
         help="Where to listen; port 0 takes a free one. $PORT alone moves the port.")  # fmt: skip
@FILESTORE
@setting("--insecure/--no-insecure", help="Allow a --grpc beyond this machine: keys travel readable.")
@LOG
def command(
    *,
    data: Path | None,
    endpoint: str | None,
    grpc: str | None,
    filestore_open: bool,
    filestore_copies: int,
    filestore_memory: int,
    insecure: bool,
    is_quiet: bool,
    is_debug: bool,
) -> None:
    """Serve `filestore.FileStore` and `shoal.v1.Admin` over gRPC, with reflection and health.

    Callers show an access key (metadata `authorization: Bearer KEY:SECRET`) and may do what that key may.
    """
    import asyncio
    import os

    from shoal.app.child import run_until_stopped
    from shoal.app.listening import check_door
    from shoal.base.errors import InvalidArgument
    from shoal.gateway.files.settings import FileServiceSettings
    from shoal.wiring.gateway import GatewayProcess, gateway_cluster
    from shoal.wiring.log import StreamLog, chosen_level

    listen = grpc_address(grpc, default=DEFAULT_GRPC)
    if listen is None:
        raise InvalidArgument("this gateway would serve nothing: --grpc, SHOAL_GRPC or the configuration says off")
    is_local = check_door(listen, is_insecure=insecure)
    if filestore_open and not is_local:
        raise InvalidArgument(f"--filestore-open serves everybody who reaches {listen}: it is for this machine only")
    context = click.get_current_context()
    where: dict[str, Any] = {"data": data, "endpoint": endpoint}
    where |= dict.fromkeys(yielding(context, where))
    process = GatewayProcess(
        cluster=gateway_cluster(**where),
        listen=listen,
        data=None if where["endpoint"] else where["data"] or DEFAULT_DATA,
        files=FileServiceSettings(is_open=filestore_open, copies=filestore_copies, memory_bytes=filestore_memory),
    )
    log = StreamLog(level=chosen_level(is_quiet=is_quiet, is_debug=is_debug)).bind(process="gateway")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what goes wrong is told in our words, and once
    asyncio.run(run_until_stopped(lambda: _serve(process, log)))


async def _serve(process: "GatewayProcess", log: "StreamLog") -> None:
    from shoal.app.child import say_ready
    from shoal.wiring.gateway import running_gateway

    async with running_gateway(process, log) as running:
        say_ready(running.address, f"gateway listens on {running.address} (gRPC)")
        await running.run()
