"""`shoal demo`: a cluster of processes on this machine that loses a node, a bit and everything, and no byte."""

from pathlib import Path

import click

from shoal.app.manner import note_debug
from shoal.app.setting import setting


@click.command(epilog="Example: shoal demo holiday.mp4")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--size", default="256MiB", show_default=True, help="How large a file to generate when none is given.")
@setting("--debug/--no-debug", callback=note_debug, help="Show the logs of all processes.")
def command(file: Path | None, size: str, *, debug: bool) -> None:
    """Store FILE in a cluster of four processes, take things away, and get every byte back.

    Everything happens in a temporary directory and is gone afterwards. Every line that is printed was checked.
    """
    import asyncio
    import shutil
    import tempfile

    from shoal.app.child import run_until_stopped
    from shoal.app.demo.demo import generate
    from shoal.base.errors import NotFound
    from shoal.base.units import parse_size

    if file is not None and not file.is_file():
        raise NotFound(f"there is no file {file}")
    work = Path(tempfile.mkdtemp(prefix="shoal-demo-"))
    try:
        wanted = work / "generated" if file is None else file.absolute()
        if file is None:
            generate(wanted, parse_size(size))
        if not asyncio.run(run_until_stopped(lambda: _demo(work, wanted, is_debug=debug))):
            raise KeyboardInterrupt
    finally:
        shutil.rmtree(work)


async def _demo(work: Path, file: Path, *, is_debug: bool) -> None:
    from shoal.app.demo.demo import COPIES, Demo
    from shoal.app.demo.events import EventLog
    from shoal.app.demo.report import Report
    from shoal.app.local_cluster import LocalCluster, running_cluster
    from shoal.wiring.connect import find_cluster, open_client
    from shoal.wiring.log import Level, StreamLog

    log = StreamLog(level=Level.DEBUG if is_debug else Level.ERROR)
    report = Report()
    settings = LocalCluster(data=work / "data", nodes=COPIES, port_base=0, is_debug=is_debug, is_quiet=not is_debug)
    report.begin()
    async with running_cluster(settings, log) as cluster:
        pids = ", ".join(f"{name} {child.pid}" for name, child in cluster.supervisor.children.items())
        report.passed(f"{len(cluster.supervisor.children)} processes run: {pids}")
        events = EventLog()
        async with open_client(find_cluster(data=settings.data), log=events) as client:
            await Demo(cluster, client, events, report, work, file).run()
    report.table()
