"""`shoal coordinator`: the part that knows what exists and who is there."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shoal.wiring.defaults import DEFAULT_DATA

if TYPE_CHECKING:
    from shoal.wiring.coordinator import CoordinatorProcess
    from shoal.wiring.log import StreamLog

SELECTORS = ("ring", "round-robin", "random", "capacity", "first-healthy")
"""As `core.placement.selector.SELECTOR_NAMES`, which a test compares; importing it would make the help slow."""


@click.command(epilog="Example: shoal coordinator --data /srv/shoal --listen 127.0.0.1:9100")
@click.option("--data", type=click.Path(path_type=Path), envvar="SHOAL_DATA", default=DEFAULT_DATA, show_default=True,
              help="Where the catalog, the join file and the credentials are kept.")  # fmt: skip
@click.option("--listen", default="127.0.0.1:9100", show_default=True, help="HOST:PORT; port 0 takes a free one.")
@click.option("--advertise", help="HOST:PORT under which others reach this coordinator, if it is not --listen.")
@click.option("--replicas", default="auto", show_default=True, help="Copies of each chunk: auto, or a number.")
@click.option(
    "--chunk-size", default="8MiB", show_default=True, help="How objects are cut unless a put says otherwise."
)
@click.option("--selector", default="ring", show_default=True, type=click.Choice(SELECTORS),
              help="How nodes are chosen.")  # fmt: skip
@click.option("--expect-nodes", type=click.IntRange(0), default=0, metavar="N",
              help="`shoal status` fails until N nodes have registered.")  # fmt: skip
@click.option("--volatile", is_flag=True, help="Accept replicas of nodes that keep them in memory only.")
@click.option("--insecure", is_flag=True, help="Allow a --listen beyond this machine, without TLS.")
@click.option("--quiet", is_flag=True, help="Log errors only.")
@click.option("--debug", is_flag=True, help="Log everything.")
def command(
    *,
    data: Path,
    listen: str,
    advertise: str | None,
    replicas: str,
    chunk_size: str,
    selector: str,
    expect_nodes: int,
    volatile: bool,
    insecure: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Run a coordinator. Nodes join with the file DIR/join, users with DIR/credentials; both are made at the first
    start."""
    import asyncio

    from shoal.app.child import run_until_stopped
    from shoal.app.listening import check_listen
    from shoal.app.replicas import parse_replicas
    from shoal.base.ids import Address
    from shoal.base.units import parse_size
    from shoal.core.chunking import check_chunk_bytes
    from shoal.model.cluster import ClusterSettings
    from shoal.wiring.coordinator import CoordinatorProcess
    from shoal.wiring.log import StreamLog, chosen_level

    chunk_bytes = parse_size(chunk_size)
    check_chunk_bytes(chunk_bytes)
    check_listen(listen, advertise=advertise, is_insecure=insecure)
    cluster = ClusterSettings(
        copies=parse_replicas(replicas), selector=selector, chunk_bytes=chunk_bytes, is_volatile_allowed=volatile
    )
    process = CoordinatorProcess(
        data=data.absolute(),
        listen=Address(listen),
        advertise=Address(advertise) if advertise else None,
        cluster=cluster,
        nodes_expected=expect_nodes,
    )
    log = StreamLog(level=chosen_level(is_quiet=quiet, is_debug=debug)).bind(process="coordinator")
    asyncio.run(run_until_stopped(lambda: _serve(process, log)))


async def _serve(process: "CoordinatorProcess", log: "StreamLog") -> None:
    from shoal.app.child import say_ready
    from shoal.wiring.coordinator import running_coordinator

    async with running_coordinator(process, log) as running:
        say_ready(running.address, f"coordinator listens on {running.address}, data in {process.data}")
        await running.run()
