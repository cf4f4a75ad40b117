"""`shoal put`: store a file."""

import click

from shoal.app.options import Shared, shared_options


@click.command(
    epilog="Examples: shoal put photo.jpg · shoal put photo.jpg shoal://album/2025/1 · tar c . | shoal put - src.tar"
)
@click.argument("file", metavar="FILE|-")
@click.argument("name", required=False)
@click.option("--chunk-size", metavar="SIZE", help="Cut into chunks of 1B to 512MiB. [default: the cluster's size]")
@click.option("--if-absent", is_flag=True, help="Only if there is no such object yet.")
@click.option("--if-version", metavar="VERSION", help="Only if this is the current version.")
@click.option("--content-type", metavar="TYPE", default="", help="What it is, for example image/jpeg.")
@shared_options
def command(
    shared: Shared,
    *,
    file: str,
    name: str | None,
    chunk_size: str | None,
    if_absent: bool,
    if_version: str | None,
    content_type: str,
) -> None:
    """Store FILE, or standard input for `-`, as the new version of NAME (the file's own name, if none is given).

    When this ends well, enough nodes have it on disk; if it fails, what was there before is as it was.
    """
    from shoal.app.calling import call_cluster
    from shoal.app.local_files import name_of, opened_source
    from shoal.app.output import print_json, print_line, shown_object, transfer_text, version_document
    from shoal.app.progress import TransferBar
    from shoal.base.ids import parse_version, version_text
    from shoal.base.units import parse_size
    from shoal.client.put import PutOptions
    from shoal.core.chunking import check_chunk_bytes
    from shoal.core.names import parse_target
    from shoal.model.messages.objects import Precondition

    target = parse_target(name_of(file) if name is None else name)
    chunk_bytes = 0
    if chunk_size is not None:
        chunk_bytes = parse_size(chunk_size)
        check_chunk_bytes(chunk_bytes)
    precondition = Precondition(if_absent=if_absent, if_version=parse_version(if_version) if if_version else None)

    with opened_source(file) as source, TransferBar(target.key, is_wanted=not shared.is_quiet) as bar:
        bar.total = source.size
        options = PutOptions(
            chunk_bytes=chunk_bytes, precondition=precondition, content_type=content_type, progress=bar.advance
        )
        version = call_cluster(shared, lambda client: client.put(target.bucket, target.key, source, options=options))
        seconds = bar.seconds

    if shared.is_json:
        print_json(version_document(target, version) | {"seconds": round(seconds, 6)})
    elif not shared.is_quiet:
        told = transfer_text(version.size, seconds)
        print_line(f"{shown_object(target)}  version {version_text(version.version_id)}  {told}")
