"""`shoal download`: fetch a file by its id."""

import click

from shoal.app.completion import local_paths
from shoal.app.options import Shared, shared_options


@click.command(
    epilog="Examples: shoal download 5e0f7c1a-93d4-4c0e-a1b0-6f2d8e4b7a10 report.pdf · "
    "shoal download 5e0f7c1a-… old.pdf --version 0199b2f0-…"
)
@click.argument("file_id", metavar="FILE_ID")
@click.argument("out", metavar="OUT", shell_complete=local_paths)
@click.option("--version", metavar="VERSION", help="This one of `shoal info FILE_ID`. [default: the current one]")
@shared_options
def command(shared: Shared, *, file_id: str, out: str, version: str | None) -> None:
    """Fetch the file FILE_ID from bucket `filestore` into the file OUT. Every byte is checked. OUT appears only when it
    is whole; if this fails, what was there before is as it was. Fails with status 3 if there is no such file.

    With $SERVER_ADDR (HOST:PORT) a gRPC file service is asked, not a cluster.
    """
    import os
    from pathlib import Path

    from shoal.app.filestore.calling import call_files
    from shoal.app.output import print_json, print_line, shown
    from shoal.base.errors import InvalidArgument

    if out == "-" or (os.path.exists(out) and not os.path.isfile(out)):
        raise InvalidArgument("OUT is a file; `shoal get shoal://filestore/NAME -` writes to standard output")
    size = call_files(shared, lambda files: files.download(file_id, Path(out), version=version))
    if shared.is_json:
        print_json({"file_id": file_id, "file": os.fsencode(out).decode(errors="replace"), "size": size})
    elif not shared.is_quiet:
        print_line("✓ Download successful!")
        print_line(f"  Saved to: {shown(out)}")
        print_line(f"  Size: {size} bytes")
