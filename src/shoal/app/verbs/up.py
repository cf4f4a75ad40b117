"""`shoal up`: a cluster on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shoal.app.defaults import DEFAULT_PORT_BASE, NODES_MAX
from shoal.app.doors import DOOR, file_door
from shoal.app.server_settings import CATALOG, CLUSTER, FILESTORE, LINK, LOG, NODE
from shoal.app.setting import setting
from shoal.app.value_types import GRPC
from shoal.wiring.defaults import DEFAULT_DATA

if TYPE_CHECKING:
    from shoal.app.local_cluster import LocalCluster, RunningCluster
    from shoal.wiring.log import StreamLog

_TOLD_APART = ("data", "replicas", "quiet", "debug", "jsonl")
"""Settings of the coordinator that `LocalCluster` tells it by itself."""


@click.command(epilog="Example: shoal up --nodes 3, then in another terminal: shoal put photo.jpg")
@setting("--nodes", type=click.IntRange(1, NODES_MAX), default=1, show_default=True, help="How many nodes.")
@setting("--data", type=click.Path(path_type=Path), default=DEFAULT_DATA, show_default=True,
         help="Where everything is kept.")  # fmt: skip
@setting("--port-base", default=DEFAULT_PORT_BASE, show_default=True,
         help="Control port; node n listens 100 + n above it. 0 takes free ports.")  # fmt: skip
@file_door
@setting("--jsonl-nodes", type=DOOR, show_default="none",
         help="The same for single blocks, at each node: node n has PORT + n - 1.")  # fmt: skip
@setting("--grpc", type=GRPC, show_default="above --port-base",
         help="Serve files and admin over gRPC there, or off. $PORT alone moves the port.")  # fmt: skip
@FILESTORE
@setting("--insecure/--no-insecure", help="Allow JSON lines and gRPC beyond this machine, without TLS.")
@CLUSTER
@CATALOG
@NODE
@LINK
@LOG
def command(
    *,
    nodes: int,
    data: Path,
    port_base: int,
    jsonl: str | None,
    jsonl_nodes: str | None,
    grpc: str | None,
    copies: int,
    is_volatile_allowed: bool,
    is_quiet: bool,
    is_debug: bool,
    **chosen: Any,
) -> None:
    """Start a cluster on this machine and keep it running; Ctrl-C stops it.

    One coordinator and some nodes, each a process of its own, all on 127.0.0.1. After a crash of any of them, or of
    all, the same directory starts again with everything that was acknowledged.
    """
    import asyncio

    from shoal.app.child import run_until_stopped
    from shoal.app.doors import node_doors
    from shoal.app.grpc_address import grpc_address
    from shoal.app.local_cluster import LocalCluster
    from shoal.app.server_settings import passed_on, taken
    from shoal.app.verbs import coordinator, gateway, node
    from shoal.coordinator.settings import check_times
    from shoal.model.cluster import ClusterSettings
    from shoal.wiring.log import StreamLog, chosen_level

    context = click.get_current_context()
    check_times(taken(ClusterSettings, chosen))
    memory = ("--store", "memory") if is_volatile_allowed else ()
    settings = LocalCluster(
        data=data.absolute(),
        nodes=nodes,
        replicas=copies,
        port_base=port_base,
        coordinator_options=passed_on(context, coordinator.command, but=_TOLD_APART),
        node_options=(*passed_on(context, node.command, but=("quiet", "debug")), *memory),
        jsonl=jsonl or "",
        node_jsonl=node_doors(jsonl_nodes, nodes) if jsonl_nodes else (),
        grpc=grpc_address(grpc, default=f"127.0.0.1:{port_base + 1 if port_base else 0}") or "",
        gateway_options=passed_on(context, gateway.command, but=("data", "grpc", "quiet", "debug")),
        is_debug=is_debug,
        is_quiet=is_quiet,
    )
    log = StreamLog(level=chosen_level(is_quiet=is_quiet, is_debug=is_debug))
    asyncio.run(run_until_stopped(lambda: _up(settings, log)))


async def _up(settings: "LocalCluster", log: "StreamLog") -> None:
    import asyncio

    from shoal.app.local_cluster import running_cluster

    async with running_cluster(settings, log) as cluster:
        _tell(cluster)
        await asyncio.Event().wait()  # nobody sets it: a signal ends this


def _tell(cluster: "RunningCluster") -> None:
    from shoal.app.local_cluster import GATEWAY
    from shoal.wiring.cluster_files import CREDENTIALS

    data = cluster.settings.data
    click.echo(f"shoal is up: {cluster.settings.nodes} node{'s' if cluster.settings.nodes > 1 else ''}, data in {data}")
    click.echo(f"  control      {cluster.endpoint}")
    for name, child in cluster.supervisor.children.items():
        if child.jsonl:
            click.echo(f"  json lines   {child.jsonl} ({name})")
    for name, child in cluster.supervisor.children.items():
        if name not in ("coordinator", GATEWAY):
            click.echo(f"  {name:<12} {child.address}")
    if (gateway := cluster.supervisor.children.get(GATEWAY)) is not None:
        click.echo(f"  grpc         {gateway.address}")
    click.echo(f"  credentials  {data / CREDENTIALS}")
    click.echo(f"try: shoal put FILE --data {data}   (Ctrl-C stops the cluster)")
