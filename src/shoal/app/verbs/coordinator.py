"""`shoal coordinator`: the part that knows what exists and who is there."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shoal.app.doors import file_door
from shoal.app.server_settings import CATALOG, CLUSTER, LINK, LOG
from shoal.app.setting import setting
from shoal.app.value_types import ADDRESS
from shoal.wiring.defaults import DEFAULT_DATA

if TYPE_CHECKING:
    from shoal.wiring.coordinator import CoordinatorProcess
    from shoal.wiring.log import StreamLog


@click.command(epilog="Example: shoal coordinator --data /srv/shoal --listen 127.0.0.1:9100")
@setting("--data", type=click.Path(path_type=Path), default=DEFAULT_DATA, show_default=True,
         help="Where the catalog, the join file and the credentials are kept.")  # fmt: skip
@setting("--listen", key="coordinator-listen", type=ADDRESS, default="127.0.0.1:9100", show_default=True,
         help="Where to listen; port 0 takes a free one.")  # fmt: skip
@setting("--advertise", key="coordinator-advertise", type=ADDRESS, show_default="as --listen",
         help="Where others reach this coordinator.")  # fmt: skip
@setting("--insecure/--no-insecure", help="Allow a --listen or --jsonl beyond this machine, without TLS.")
@setting("--expect-nodes", type=click.IntRange(0), default=0, show_default=True, metavar="N",
         help="`shoal status` fails until N nodes have registered.")  # fmt: skip
@file_door
@CLUSTER
@CATALOG
@LINK
@LOG
def command(
    *,
    data: Path,
    listen: str,
    advertise: str | None,
    insecure: bool,
    expect_nodes: int,
    jsonl: str | None,
    block_bytes: int,
    placement: str,
    catalog_reserve_bytes: int,
    is_quiet: bool,
    is_debug: bool,
    **chosen: Any,
) -> None:
    """Run a coordinator. Nodes join with the file DIR/join, users with DIR/credentials; both are made at the first
    start."""
    import asyncio

    from shoal.app.child import run_until_stopped
    from shoal.app.doors import opened_at
    from shoal.app.listening import check_listen
    from shoal.app.server_settings import taken
    from shoal.base.ids import Address
    from shoal.coordinator.settings import check_times
    from shoal.model.cluster import ClusterSettings
    from shoal.net.settings import LinkSettings
    from shoal.wiring.coordinator import CoordinatorProcess
    from shoal.wiring.log import StreamLog, chosen_level

    check_listen(listen, advertise=advertise, is_insecure=insecure)
    cluster = taken(ClusterSettings, chosen)
    check_times(cluster)
    process = CoordinatorProcess(
        data=data.absolute(),
        listen=Address(listen),
        advertise=Address(advertise) if advertise else None,
        cluster=cluster,
        nodes_expected=expect_nodes,
        catalog_reserve_bytes=catalog_reserve_bytes,
        link=taken(LinkSettings, chosen),
        jsonl=opened_at(jsonl, is_insecure=insecure, block_bytes=block_bytes, selector=placement),
    )
    log = StreamLog(level=chosen_level(is_quiet=is_quiet, is_debug=is_debug)).bind(process="coordinator")
    asyncio.run(run_until_stopped(lambda: _serve(process, log)))


async def _serve(process: "CoordinatorProcess", log: "StreamLog") -> None:
    from shoal.app.child import say_ready
    from shoal.wiring.coordinator import running_coordinator

    async with running_coordinator(process, log) as running:
        sentence = f"coordinator listens on {running.address}, data in {process.data}"
        say_ready(running.address, sentence, jsonl=running.jsonl)
        await running.run()
