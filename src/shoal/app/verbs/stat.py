"""`shoal stat`: what is known of an object."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Example: shoal stat photo.jpg --json")
@click.argument("name")
@click.option("--version", metavar="VERSION", help="This one of `shoal versions NAME`. [default: the current one]")
@shared_options
def command(shared: Shared, *, name: str, version: str | None) -> None:
    """Show size, time, version and more of NAME, or of one of its versions. Fails with status 3 if there is none."""
    from shoal.app.calling import call_cluster
    from shoal.app.output import print_json, print_line, shown, shown_object, time_text, version_document
    from shoal.base.ids import parse_version, version_text
    from shoal.base.units import format_size
    from shoal.core.names import parse_target

    target = parse_target(name)
    wanted = parse_version(version) if version else None
    found = call_cluster(shared, lambda client: client.stat(target.bucket, target.key, wanted))
    if shared.is_json:
        print_json(version_document(target, found))
        return
    if shared.is_quiet:
        return
    told = {
        "name": shown_object(target),
        "version": version_text(found.version_id),
        "size": f"{found.size} ({format_size(found.size)})",
        "created": f"{time_text(found.created_ns)} UTC",
        "type": shown(found.content_type),
        "chunks": f"{found.chunk_count} of at most {format_size(found.chunk_bytes)}" if found.chunk_count else "0",
        "root": found.root.hex(),
        "file id": found.file_id,
        **{f"metadata {shown(key)}": shown(value) for key, value in found.metadata.items()},
    }
    for title, value in told.items():
        if value:
            print_line(f"{title:<8} {value}")
