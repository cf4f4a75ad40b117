"""`shoal versions`: all versions of an object."""

from typing import TYPE_CHECKING

import click

from shoal.app.options import Shared, shared_options

if TYPE_CHECKING:
    from shoal.core.names import ObjectName
    from shoal.model.messages.objects import VersionList


@click.command(epilog="Example: shoal versions photo.jpg")
@click.argument("name")
@shared_options
def command(shared: Shared, *, name: str) -> None:
    """List the versions of NAME, newest first, delete markers included; `*` stands at the current one. Fails with
    status 3 if there never was one. With --json each line is the document of a version."""
    from shoal.app.calling import call_cluster
    from shoal.app.output import shown_object
    from shoal.base.errors import NotFound
    from shoal.client.client import Client
    from shoal.core.names import parse_target
    from shoal.model.messages.objects import ListVersions

    target = parse_target(name)

    async def list_all(client: Client) -> None:
        message = ListVersions(bucket=target.bucket, key=target.key)
        while True:
            page = await client.versions(message)
            if message.before is None and not page.versions:
                raise NotFound(f"there is no object {shown_object(target)}")
            if not shared.is_quiet:
                _print_page(page, target, is_json=shared.is_json)
            if page.next_before is None:
                return
            message = ListVersions(bucket=target.bucket, key=target.key, before=page.next_before)

    call_cluster(shared, list_all)


def _print_page(page: "VersionList", name: "ObjectName", *, is_json: bool) -> None:
    from shoal.app.output import print_json, print_line, time_text, version_document
    from shoal.base.ids import version_text
    from shoal.base.units import format_size
    from shoal.model.catalog import VersionKind

    for version in page.versions:
        is_current = version.version_id == page.live
        if is_json:
            print_json(version_document(name, version) | {"is_current": is_current})
            continue
        size = "deleted" if version.kind is VersionKind.DELETE_MARKER else format_size(version.size)
        mark = "*" if is_current else " "
        print_line(f"{mark} {version_text(version.version_id)}  {time_text(version.created_ns)}  {size:>10}")
