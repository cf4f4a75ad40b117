"""`shoal info`: what is known of a file."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Example: shoal info 5e0f7c1a-93d4-4c0e-a1b0-6f2d8e4b7a10")
@click.argument("file_id", metavar="FILE_ID")
@shared_options
def command(shared: Shared, *, file_id: str) -> None:
    """Show name, size, type, times, versions (newest first) and nodes of the file FILE_ID in bucket `filestore`. Fails
    with status 3 if there is none.

    With $SERVER_ADDR (HOST:PORT) a gRPC file service is asked, not a cluster.
    """
    from shoal.app.filestore.calling import call_files
    from shoal.app.filestore.told import file_document, print_entry
    from shoal.app.output import print_json

    entry = call_files(shared, lambda files: files.info(file_id))
    if shared.is_json:
        print_json(file_document(entry))
    elif not shared.is_quiet:
        print_entry(entry)
