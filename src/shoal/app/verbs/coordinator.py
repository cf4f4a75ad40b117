"""`shoal coordinator`: the part that knows what exists and who is there."""

import asyncio
import re
from pathlib import Path

import click

from shoal.app.child import run_until_stopped, say_ready
from shoal.app.listening import check_listen
from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address
from shoal.base.units import parse_size
from shoal.core.chunking import check_chunk_bytes
from shoal.core.placement.selector import SELECTOR_NAMES
from shoal.model.cluster import COPIES_MAX, ClusterSettings
from shoal.wiring.connect import DEFAULT_DATA
from shoal.wiring.coordinator import CoordinatorProcess, running_coordinator
from shoal.wiring.log import StreamLog, chosen_level

_COPIES = re.compile(r"[1-9][0-9]?")


def parse_replicas(text: str) -> int:
    """0 for `auto`. Raises: InvalidArgument."""
    if text == "auto":
        return 0
    if _COPIES.fullmatch(text) is None or int(text) > COPIES_MAX:
        raise InvalidArgument(f"--replicas is auto, or a number from 1 to {COPIES_MAX}", got=text[:20])
    return int(text)


@click.command(epilog="Example: shoal coordinator --data /srv/shoal --listen 127.0.0.1:9100")
@click.option("--data", type=click.Path(path_type=Path), envvar="SHOAL_DATA", default=DEFAULT_DATA, show_default=True,
              help="Where the catalog, the join file and the credentials are kept.")  # fmt: skip
@click.option("--listen", default="127.0.0.1:9100", show_default=True, help="HOST:PORT; port 0 takes a free one.")
@click.option("--advertise", help="HOST:PORT under which others reach this coordinator, if it is not --listen.")
@click.option("--replicas", default="auto", show_default=True, help="Copies of each chunk: auto, or a number.")
@click.option(
    "--chunk-size", default="8MiB", show_default=True, help="How objects are cut unless a put says otherwise."
)
@click.option("--selector", default="ring", show_default=True, type=click.Choice(SELECTOR_NAMES),
              help="How nodes are chosen.")  # fmt: skip
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
    volatile: bool,
    insecure: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Run a coordinator. Nodes join with the file DIR/join, users with DIR/credentials; both are made at the first
    start."""
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
    )
    log = StreamLog(level=chosen_level(is_quiet=quiet, is_debug=debug)).bind(process="coordinator")
    asyncio.run(run_until_stopped(lambda: _serve(process, log)))


async def _serve(process: CoordinatorProcess, log: StreamLog) -> None:
    async with running_coordinator(process, log) as running:
        say_ready(running.address, f"coordinator listens on {running.address}, data in {process.data}")
        await running.run()
