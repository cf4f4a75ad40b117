"""`shoal stat`: what is known of an object."""

from typing import TYPE_CHECKING

import click

from shoal.app.options import Shared, shared_options

if TYPE_CHECKING:
    from shoal.core.names import ObjectName
    from shoal.model.catalog import Version


@click.command(epilog="Examples: shoal stat photo.jpg --json · shoal stat photo.jpg --chunks")
@click.argument("name")
@click.option("--version", metavar="VERSION", help="This one of `shoal versions NAME`. [default: the current one]")
@click.option("--chunks", "with_chunks", is_flag=True, help="Also where each replica of each chunk lies.")
@shared_options
def command(shared: Shared, *, name: str, version: str | None, with_chunks: bool) -> None:
    """Show size, time, version and more of NAME, or of one of its versions. Fails with status 3 if there is none.

    With --chunks and --json the document has the chunks in order as `chunk_list`.
    """
    from shoal.app.calling import call_cluster
    from shoal.app.chunk_table import chunk_documents, locate, print_chunks
    from shoal.app.output import print_json, print_line, version_document
    from shoal.base.ids import parse_version
    from shoal.core.names import parse_target

    target = parse_target(name)
    wanted = parse_version(version) if version else None
    located = None
    if with_chunks:
        located = call_cluster(shared, lambda client: locate(client, target, wanted))
        found = located.version
    else:
        found = call_cluster(shared, lambda client: client.stat(target.bucket, target.key, wanted))
    if shared.is_json:
        chunks = {} if located is None else {"chunk_list": chunk_documents(located)}
        print_json(version_document(target, found) | chunks)
    elif not shared.is_quiet:
        _print(target, found)
        if located is not None and located.chunks:
            print_line("")
            print_chunks(located)


def _print(name: "ObjectName", version: "Version") -> None:
    from shoal.app.output import print_line, shown, shown_object, time_text
    from shoal.base.ids import version_text
    from shoal.base.units import format_size

    chunks = f"{version.chunk_count} of at most {format_size(version.chunk_bytes)}" if version.chunk_count else "0"
    told = {
        "name": shown_object(name),
        "version": version_text(version.version_id),
        "size": f"{version.size} ({format_size(version.size)})",
        "created": f"{time_text(version.created_ns)} UTC",
        "type": shown(version.content_type),
        "chunks": chunks,
        "root": version.root.hex(),
        "file id": version.file_id,
        **{f"metadata {shown(key)}": shown(value) for key, value in version.metadata.items()},
    }
    for title, value in told.items():
        if value:
            print_line(f"{title:<8} {value}")
