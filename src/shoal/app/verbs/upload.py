"""`shoal upload`: store a file in bucket `filestore`, under a file id."""

import click

from shoal.app.completion import local_paths
from shoal.app.options import Shared, shared_options


@click.command(epilog="Examples: shoal upload report.pdf · shoal upload report.pdf --copies 3")
@click.argument("path", shell_complete=local_paths)
@click.option("--copies", type=int, show_default="2", metavar="N", help="Copies to keep; 0 for the cluster's own.")
@click.option("--content-type", metavar="TYPE", default="application/octet-stream", show_default=True)
@shared_options
def command(shared: Shared, *, path: str, copies: int | None, content_type: str) -> None:
    """Store the file PATH under its own name in bucket `filestore`, and print its file id. A second upload of the same
    name is a new version of the same file.

    When this ends well, a majority of the copies is on disk; in a cluster of fewer nodes there are as many as these.

    With $SERVER_ADDR (HOST:PORT) a gRPC file service is asked, not a cluster; how many copies is for that to say.
    """
    from shoal.app.filestore.calling import call_files
    from shoal.app.filestore.service import UploadOptions
    from shoal.app.filestore.told import PercentLine, print_uploaded, uploaded_document
    from shoal.app.local_files import name_of, opened_source
    from shoal.app.output import print_json
    from shoal.base.errors import InvalidArgument
    from shoal.core.names import check_key

    if path == "-":
        raise InvalidArgument("upload takes a file; `shoal put - shoal://filestore/NAME` stores what comes in")
    filename = check_key(name_of(path))
    with opened_source(path) as source:
        line = PercentLine(source.size or 0, is_wanted=not shared.is_json and not shared.is_quiet)
        options = UploadOptions(copies=copies, content_type=content_type, progress=line.advance)
        is_done = False
        try:
            uploaded = call_files(shared, lambda files: files.upload(filename, source, options))
            is_done = True
        finally:
            if not is_done:
                line.give_up()
    line.finish()
    if shared.is_json:
        print_json(uploaded_document(filename, uploaded))
    elif not shared.is_quiet:
        print_uploaded(uploaded)
