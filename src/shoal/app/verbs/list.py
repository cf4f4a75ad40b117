"""`shoal list`: the files in bucket `filestore`, newest first."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Examples: shoal list · shoal list --limit 100 --skip 100 · shoal list --json")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, metavar="N", help="Files to show."
)
@click.option(
    "--skip", type=click.IntRange(0), default=0, metavar="N", help="Pass over so many of the newest. [default: 0]"
)
@shared_options
def command(shared: Shared, *, limit: int, skip: int) -> None:
    """List the files in bucket `filestore`, newest first: name, file id, size, time and nodes. The age of a file is
    that of its first version. `shoal ls shoal://filestore` lists the same by name.

    With $SERVER_ADDR (HOST:PORT) a gRPC file service is asked, not a cluster.
    """
    from shoal.app.filestore.calling import call_files
    from shoal.app.filestore.told import file_document, print_page
    from shoal.app.output import print_json

    page = call_files(shared, lambda files: files.list(skip=skip, limit=limit))
    if shared.is_json:
        for entry in page.files:
            print_json(file_document(entry))
    elif not shared.is_quiet:
        print_page(page, first=skip + 1)
