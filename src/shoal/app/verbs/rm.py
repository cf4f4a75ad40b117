"""`shoal rm`: delete an object, or one version."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Examples: shoal rm photo.jpg · shoal rm photo.jpg --version 0199b2f0-…")
@click.argument("name")
@click.option("--version", metavar="VERSION", help="Only this version, and for good.")
@shared_options
def command(shared: Shared, *, name: str, version: str | None) -> None:
    """Delete NAME. Its versions stay, below a delete marker; `shoal get NAME --version V` still reads them. With
    --version that one goes for good. Fails with status 3 if there is nothing to delete."""
    from shoal.app.calling import call_cluster
    from shoal.app.output import optional_version, print_json, print_line, shown_object
    from shoal.base.errors import NotFound
    from shoal.base.ids import parse_version
    from shoal.core.names import parse_target

    target = parse_target(name)
    wanted = parse_version(version) if version else None
    deleted = call_cluster(shared, lambda client: client.delete(target.bucket, target.key, version=wanted))
    if not deleted.existed:
        raise NotFound(f"there is no object {shown_object(target)}" + (f" with version {version}" if version else ""))
    marker = optional_version(deleted.marker)
    if shared.is_json:
        print_json({"bucket": target.bucket, "key": target.key, "version": version, "delete_marker": marker})
    elif not shared.is_quiet:
        what = (
            f"version {version} deleted for good" if version else f"deleted, marker {marker}" if marker else "deleted"
        )
        print_line(f"{shown_object(target)}  {what}")
