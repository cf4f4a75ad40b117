"""`shoal cat`: objects to standard output."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Examples: shoal cat notes.txt · shoal cat part-1 part-2 > whole")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--version", metavar="VERSION", help="This version, of a single NAME. [default: the current one]")
@shared_options
def command(shared: Shared, *, names: tuple[str, ...], version: str | None) -> None:
    """Write the content of each NAME to standard output, one after another. Every byte is checked before it leaves; of
    an object that fails half-way, what came before has left."""
    from shoal.app.calling import call_cluster
    from shoal.app.fetching import Wanted, fetch_stream
    from shoal.app.local_files import standard_output
    from shoal.app.progress import TransferBar
    from shoal.base.ids import parse_version
    from shoal.client.client import Client
    from shoal.core.names import parse_target

    if shared.is_json:
        raise click.UsageError("--json and the objects cannot both go to standard output; see `shoal stat --json`")
    if version is not None and len(names) > 1:
        raise click.UsageError("--version goes with a single NAME")
    targets = [parse_target(name) for name in names]
    wanted_version = parse_version(version) if version else None

    stream = standard_output()

    async def write_all(client: Client) -> None:
        for target in targets:
            with TransferBar(target.key, is_wanted=not shared.is_quiet) as bar:
                await fetch_stream(client, Wanted(target, wanted_version), stream, bar)

    call_cluster(shared, write_all)
