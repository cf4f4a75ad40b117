"""`shoal node`: the part that keeps bytes, one for each disk."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shoal.app.doors import DOOR
from shoal.app.server_settings import LINK, LOG, NODE
from shoal.app.setting import setting
from shoal.app.value_types import ADDRESS

if TYPE_CHECKING:
    from shoal.wiring.log import StreamLog
    from shoal.wiring.node import NodeProcess


@click.command(epilog="Example: shoal node --join shoal-data/join --coordinator 127.0.0.1:9100 --data /mnt/disk1")
@setting("--join", required=True, type=click.Path(path_type=Path), help="The cluster's join file.")
@setting("--coordinator", required=True, type=ADDRESS, help="Where the coordinator is.")
@setting("--data", key="node-data", required=True, type=click.Path(path_type=Path),
         help="This node's directory; one for each disk.")  # fmt: skip
@setting("--listen", key="node-listen", type=ADDRESS, default="127.0.0.1:0", show_default=True,
         help="Where to listen; port 0 takes a free one.")  # fmt: skip
@setting("--advertise", key="node-advertise", type=ADDRESS, show_default="as --listen",
         help="Where others reach this node.")  # fmt: skip
@setting("--jsonl", key="node-jsonl", type=DOOR, show_default="none",
         help="Store and retrieve blocks as JSON lines there, for nc; :PORT is of this machine.")  # fmt: skip
@setting("--insecure/--no-insecure", help="Allow a --listen or --jsonl beyond this machine, without TLS.")
@setting("--name", key="node-name", default="", show_default="the next free node-N",
         help="Unique name; given once, for ever.")  # fmt: skip
@setting("--zone", default="", help="Replicas are spread over zones: a rack, a room, a site.")
@setting("--store", type=click.Choice(("disk", "memory")), default="disk", show_default=True,
         help="memory: a restart loses everything.")  # fmt: skip
@NODE
@LINK
@LOG
def command(
    *,
    join: Path,
    coordinator: str,
    data: Path,
    listen: str,
    advertise: str | None,
    jsonl: str | None,
    insecure: bool,
    name: str,
    zone: str,
    store: str,
    is_quiet: bool,
    is_debug: bool,
    **chosen: Any,
) -> None:
    """Run a node: it registers with the coordinator and keeps replicas in its directory."""
    import asyncio
    import os
    import platform

    from shoal.app.child import run_until_stopped
    from shoal.app.doors import opened_at
    from shoal.app.listening import check_listen
    from shoal.app.server_settings import taken
    from shoal.base.ids import Address
    from shoal.net.settings import LinkSettings
    from shoal.node.settings import NodeSettings
    from shoal.store.settings import StoreSettings
    from shoal.wiring.cluster_files import JoinFile, read_json
    from shoal.wiring.log import StreamLog, chosen_level
    from shoal.wiring.node import NodeProcess

    check_listen(listen, advertise=advertise, is_insecure=insecure)
    directory = data.absolute()
    existing = next(at for at in (directory, *directory.parents) if at.exists())
    process = NodeProcess(
        data=directory,
        listen=Address(listen),
        join=read_json(join, JoinFile),
        node=taken(
            NodeSettings,
            chosen,
            coordinator=Address(coordinator),
            name=name,
            zone=zone,
            machine=platform.node(),
            device=str(os.stat(existing).st_dev),
        ),
        advertise=Address(advertise) if advertise else None,
        store=taken(StoreSettings, chosen),
        is_volatile=store == "memory",
        link=taken(LinkSettings, chosen),
        jsonl=opened_at(jsonl, is_insecure=insecure),
    )
    log = StreamLog(level=chosen_level(is_quiet=is_quiet, is_debug=is_debug)).bind(process=name or "node")
    asyncio.run(run_until_stopped(lambda: _serve(process, log)))


async def _serve(process: "NodeProcess", log: "StreamLog") -> None:
    from functools import partial

    from shoal.app.child import say_ready
    from shoal.wiring.node import running_node

    async with running_node(process, log) as running:
        sentence = f"node listens on {running.address}, data in {process.data}"
        on_member = partial(say_ready, running.address, sentence, jsonl=running.jsonl)
        await running.node.run(running.address, on_member=on_member)
