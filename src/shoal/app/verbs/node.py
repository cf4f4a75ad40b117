"""`shoal node`: the part that keeps bytes, one for each disk."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from shoal.wiring.log import StreamLog
    from shoal.wiring.node import NodeProcess


@click.command(epilog="Example: shoal node --join shoal-data/join --coordinator 127.0.0.1:9100 --data /mnt/disk1")
@click.option("--join", required=True, type=click.Path(path_type=Path), help="The cluster's join file.")
@click.option("--coordinator", required=True, help="HOST:PORT of the coordinator.")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="This node's directory; one for each disk."
)
@click.option("--listen", default="127.0.0.1:0", show_default=True, help="HOST:PORT; port 0 takes a free one.")
@click.option("--advertise", help="HOST:PORT under which others reach this node, if it is not --listen.")
@click.option("--name", default="", help="Unique name; given once, for ever. [default: the next free node-N]")
@click.option("--zone", default="", help="Replicas are spread over zones: a rack, a room, a site.")
@click.option("--capacity", help="Take at most this much, for example 500GiB. [default: the disk]")
@click.option("--store", type=click.Choice(("disk", "memory")), default="disk", show_default=True,
              help="memory: a restart loses everything.")  # fmt: skip
@click.option("--insecure", is_flag=True, help="Allow a --listen beyond this machine, without TLS.")
@click.option("--quiet", is_flag=True, help="Log errors only.")
@click.option("--debug", is_flag=True, help="Log everything.")
def command(
    *,
    join: Path,
    coordinator: str,
    data: Path,
    listen: str,
    advertise: str | None,
    name: str,
    zone: str,
    capacity: str | None,
    store: str,
    insecure: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Run a node: it registers with the coordinator and keeps replicas in its directory."""
    import asyncio
    import os
    import platform

    from shoal.app.child import run_until_stopped
    from shoal.app.listening import check_listen
    from shoal.base.ids import Address
    from shoal.base.units import parse_size
    from shoal.net.address import parse_address
    from shoal.node.settings import NodeSettings
    from shoal.store.settings import StoreSettings
    from shoal.wiring.cluster_files import JoinFile, read_json
    from shoal.wiring.log import StreamLog, chosen_level
    from shoal.wiring.node import NodeProcess

    check_listen(listen, advertise=advertise, is_insecure=insecure)
    parse_address(Address(coordinator))
    directory = data.absolute()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    process = NodeProcess(
        data=directory,
        listen=Address(listen),
        join=read_json(join, JoinFile),
        node=NodeSettings(
            coordinator=Address(coordinator),
            name=name,
            zone=zone,
            machine=platform.node(),
            device=str(os.stat(directory).st_dev),
        ),
        advertise=Address(advertise) if advertise else None,
        store=StoreSettings(capacity_bytes=parse_size(capacity) if capacity else None),
        is_volatile=store == "memory",
    )
    log = StreamLog(level=chosen_level(is_quiet=quiet, is_debug=debug)).bind(process=name or "node")
    asyncio.run(run_until_stopped(lambda: _serve(process, log)))


async def _serve(process: "NodeProcess", log: "StreamLog") -> None:
    from shoal.app.child import say_ready
    from shoal.wiring.node import running_node

    async with running_node(process, log) as running:
        sentence = f"node listens on {running.address}, data in {process.data}"
        await running.node.run(running.address, on_member=lambda: say_ready(running.address, sentence))
