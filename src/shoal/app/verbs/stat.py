"""`shoal stat`: what is known of an object."""

from typing import TYPE_CHECKING

import click

from shoal.app.options import Shared, shared_options

if TYPE_CHECKING:
    from shoal.app.chunk_table import Located
    from shoal.core.names import ObjectName
    from shoal.model.catalog import Version


@click.command(epilog="Examples: shoal stat photo.jpg --json · shoal stat photo.jpg --chunks --verify")
@click.argument("name")
@click.option("--version", metavar="VERSION", help="This one of `shoal versions NAME`. [default: the current one]")
@click.option("--chunks", "with_chunks", is_flag=True, help="Also where each replica of each chunk lies.")
@click.option("--verify", "is_verified", is_flag=True,
              help="Let each node read its replicas again, and show what it found; with --chunks.")  # fmt: skip
@shared_options
def command(shared: Shared, *, name: str, version: str | None, with_chunks: bool, is_verified: bool) -> None:
    """Show size, time, version and more of NAME, or of one of its versions. Fails with status 3 if there is none.

    With --chunks and --json the document has the chunks in order as `chunk_list`. A replica was verified when it was
    written, and is on every read; --verify does it now, for all of them: a damaged one goes out of service, and the
    status is 7 if any was damaged or missing, 6 if a node did not answer.
    """
    import time

    from shoal.app.calling import call_cluster
    from shoal.app.chunk_table import Locator, chunk_documents, print_chunks
    from shoal.app.output import print_json, print_line, version_document
    from shoal.base.ids import WallNs, parse_version
    from shoal.core.names import parse_target

    if is_verified and not with_chunks:
        raise click.UsageError("--verify goes with --chunks")
    target = parse_target(name)
    wanted = parse_version(version) if version else None
    located = None
    if with_chunks:
        now = WallNs(time.time_ns()) if is_verified else None
        located = call_cluster(shared, lambda client: Locator(client, verified=now).locate(target, wanted))
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
    if located is not None and is_verified:
        _judge(target, located)


def _judge(name: "ObjectName", located: "Located") -> None:
    """Raises: ChecksumMismatch or NodeUnreachable, unless every replica that counts is good."""
    from shoal.app.chunk_table import DAMAGED, MISSING, UNREACHABLE
    from shoal.app.output import count_text, shown_object
    from shoal.base.errors import ChecksumMismatch, NodeUnreachable

    if bad := located.count(DAMAGED, MISSING):
        raise ChecksumMismatch(f"{count_text(bad, 'replica')} of {shown_object(name)} damaged or missing")
    if silent := located.count(UNREACHABLE):
        raise NodeUnreachable(f"{count_text(silent, 'replica')} of {shown_object(name)} could not be verified")


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
