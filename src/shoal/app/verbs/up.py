"""`shoal up`: a cluster on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shoal.app.defaults import DEFAULT_PORT_BASE
from shoal.wiring.defaults import DEFAULT_DATA

if TYPE_CHECKING:
    from shoal.app.local_cluster import LocalCluster, RunningCluster
    from shoal.wiring.log import StreamLog


@click.command(epilog="Example: shoal up --nodes 3, then in another terminal: shoal put photo.jpg")
@click.option("--nodes", default=1, show_default=True, help="How many nodes.")
@click.option("--data", type=click.Path(path_type=Path), envvar="SHOAL_DATA", default=DEFAULT_DATA, show_default=True,
              help="Where everything is kept.")  # fmt: skip
@click.option("--replicas", default="auto", show_default=True, help="Copies of each chunk: auto, or a number.")
@click.option("--port-base", default=DEFAULT_PORT_BASE, show_default=True,
              help="Control port; node n listens 100 + n above it. 0 takes free ports.")  # fmt: skip
@click.option("--volatile", is_flag=True, help="Keep replicas in memory only: a restart loses everything.")
@click.option("--debug", is_flag=True, help="Log everything.")
def command(*, nodes: int, data: Path, replicas: str, port_base: int, volatile: bool, debug: bool) -> None:
    """Start a cluster on this machine and keep it running; Ctrl-C stops it.

    One coordinator and some nodes, each a process of its own, all on 127.0.0.1. After a crash of any of them, or of
    all, the same directory starts again with everything that was acknowledged.
    """
    import asyncio

    from shoal.app.child import run_until_stopped
    from shoal.app.local_cluster import LocalCluster
    from shoal.app.replicas import parse_replicas
    from shoal.wiring.log import Level, StreamLog

    settings = LocalCluster(
        data=data.absolute(),
        nodes=nodes,
        replicas=parse_replicas(replicas),
        port_base=port_base,
        coordinator_options=("--volatile",) if volatile else (),
        node_options=("--store", "memory") if volatile else (),
        is_debug=debug,
    )
    log = StreamLog(level=Level.DEBUG if debug else Level.INFO)
    asyncio.run(run_until_stopped(lambda: _up(settings, log)))


async def _up(settings: "LocalCluster", log: "StreamLog") -> None:
    import asyncio

    from shoal.app.local_cluster import running_cluster

    async with running_cluster(settings, log) as cluster:
        _tell(cluster)
        await asyncio.Event().wait()  # nobody sets it: a signal ends this


def _tell(cluster: "RunningCluster") -> None:
    from shoal.wiring.cluster_files import CREDENTIALS

    data = cluster.settings.data
    click.echo(f"shoal is up: {cluster.settings.nodes} node{'s' if cluster.settings.nodes > 1 else ''}, data in {data}")
    click.echo(f"  control      {cluster.endpoint}")
    for name, child in cluster.supervisor.children.items():
        if name != "coordinator":
            click.echo(f"  {name:<12} {child.address}")
    click.echo(f"  credentials  {data / CREDENTIALS}")
    click.echo(f"try: shoal put FILE --data {data}   (Ctrl-C stops the cluster)")
