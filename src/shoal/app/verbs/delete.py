"""`shoal delete`: the end of a file."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Example: shoal delete 5e0f7c1a-93d4-4c0e-a1b0-6f2d8e4b7a10")
@click.argument("file_id", metavar="FILE_ID")
@shared_options
def command(shared: Shared, *, file_id: str) -> None:
    """Delete the file FILE_ID in bucket `filestore`, with all its versions, for good; the id is over. Fails with status
    3 if there is none. (`shoal rm shoal://filestore/NAME` only hides the file; `shoal undelete` brings it back.)

    With $SERVER_ADDR (HOST:PORT) a gRPC file service is asked, not a cluster.
    """
    from shoal.app.filestore.calling import call_files
    from shoal.app.output import print_json, print_line

    call_files(shared, lambda files: files.delete(file_id))
    if shared.is_json:
        print_json({"file_id": file_id})
    elif not shared.is_quiet:
        print_line("✓ File deleted successfully")
