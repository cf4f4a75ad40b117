"""`shoal ls`: list names."""

from typing import TYPE_CHECKING

import click

from shoal.app.options import Shared, shared_options

if TYPE_CHECKING:
    from shoal.model.messages.objects import ListedObject, ObjectList


@click.command(epilog="Examples: shoal ls · shoal ls photos/ --delimiter / · shoal ls shoal://album/2025 --long")
@click.argument("prefix", required=False, default="")
@click.option("--delimiter", metavar="TEXT", default="", help="Fold names that have it behind PREFIX, as `/` in paths.")
@click.option("-l", "--long", "is_long", is_flag=True, help="Size, time and version as well.")
@shared_options
def command(shared: Shared, *, prefix: str, delimiter: str, is_long: bool) -> None:
    """List the objects whose names begin with PREFIX, in byte order; of bucket `default` unless it says
    shoal://BUCKET/PREFIX.

    With --json each line is a document: of an object, or {"prefix": …} of folded ones.
    """
    from shoal.app.calling import call_cluster
    from shoal.client.client import Client
    from shoal.core.names import parse_prefix
    from shoal.model.messages.objects import ListObjects

    target = parse_prefix(prefix)

    async def list_all(client: Client) -> None:
        after = ""
        while True:
            page = await client.list_objects(
                ListObjects(bucket=target.bucket, prefix=target.key, delimiter=delimiter, after=after)
            )
            if not shared.is_quiet:
                _print_page(page, bucket=target.bucket, is_json=shared.is_json, is_long=is_long)
            after = page.next_after
            if not after:
                return

    call_cluster(shared, list_all)


def _print_page(page: "ObjectList", *, bucket: str, is_json: bool, is_long: bool) -> None:
    from shoal.app.output import print_json, print_line, shown

    entries: list[tuple[bytes, ListedObject | None]] = [(entry.key.encode(), entry) for entry in page.objects]
    entries += [(prefix.encode(), None) for prefix in page.prefixes]
    for name, entry in sorted(entries, key=lambda pair: pair[0]):
        if is_json:
            print_json({"bucket": bucket} | ({"prefix": name.decode()} if entry is None else _document(entry)))
        else:
            print_line((_columns(entry) if is_long else "") + shown(name.decode()))


def _document(entry: "ListedObject") -> dict[str, object]:
    from shoal.app.output import json_time
    from shoal.base.ids import version_text

    return {
        "key": entry.key,
        "size": entry.size,
        "version": version_text(entry.version),
        "created": json_time(entry.created_ns),
        "content_type": entry.content_type,
    }


def _columns(entry: "ListedObject | None") -> str:
    """What stands before the name; as wide for every page, so that pages can be printed as they come."""
    from shoal.app.output import time_text
    from shoal.base.ids import version_text
    from shoal.base.units import format_size

    if entry is None:
        return f"{'-':>10}  {'':19}  {'':36}  "
    return f"{format_size(entry.size):>10}  {time_text(entry.created_ns)}  {version_text(entry.version)}  "
