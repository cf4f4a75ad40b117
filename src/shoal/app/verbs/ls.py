"""`shoal ls`: list names."""

from typing import TYPE_CHECKING

import click

from shoal.app.options import Shared, shared_options

if TYPE_CHECKING:
    from shoal.client.client import Client
    from shoal.core.names import ObjectName
    from shoal.model.messages.objects import ListedObject, ObjectList


@click.command(
    epilog="Examples: shoal ls · shoal ls photos/ --delimiter / · shoal ls shoal://album/2025 --long · "
    "shoal ls 'photos/**/*.jpg' · shoal ls shoal://"
)
@click.argument("prefix", metavar="[PREFIX|PATTERN]", required=False, default="")
@click.option("--delimiter", metavar="TEXT", default="", help="Fold names that have it behind PREFIX, as `/` in paths.")
@click.option("-l", "--long", "is_long", is_flag=True, help="Size, time and version as well.")
@shared_options
def command(shared: Shared, *, prefix: str, delimiter: str, is_long: bool) -> None:
    """List the objects whose names begin with PREFIX, in byte order; of bucket `default` unless it says
    shoal://BUCKET/PREFIX. A bare shoal:// lists the buckets.

    With one of * ? [ in it, it is a PATTERN of whole names: * and ? stand for all but a slash, ** for slashes too,
    [a-z] for one of these. Quote it, or the shell takes it; [*] is a star that is meant.

    With --json each line is a document: of an object, of a bucket, or {"prefix": …} of folded ones.
    """
    from shoal.app.calling import call_cluster
    from shoal.app.name_pattern import is_pattern
    from shoal.core.names import SCHEME, parse_prefix

    if prefix == SCHEME:
        call_cluster(shared, lambda client: _list_buckets(client, shared, is_long=is_long))
        return
    target = parse_prefix(prefix)
    if delimiter and is_pattern(target.key):
        raise click.UsageError("a PATTERN and --delimiter do not go together")
    call_cluster(shared, lambda client: _list(client, shared, target, delimiter=delimiter, is_long=is_long))


async def _list_buckets(client: "Client", shared: Shared, *, is_long: bool) -> None:
    from shoal.app.output import bucket_document, print_json, print_line, time_text

    async for bucket in client.list_buckets():
        if shared.is_quiet:
            continue
        if shared.is_json:
            print_json(bucket_document(bucket))
        else:
            print_line((f"{time_text(bucket.created_ns)}  " if is_long else "") + bucket.name)


async def _list(client: "Client", shared: Shared, target: "ObjectName", *, delimiter: str, is_long: bool) -> None:
    from msgspec.structs import replace

    from shoal.app.name_pattern import compile_pattern, is_pattern, literal_prefix
    from shoal.model.messages.objects import ListObjects

    pattern = compile_pattern(target.key) if is_pattern(target.key) else None
    prefix = literal_prefix(target.key)
    after = ""
    while True:
        page = await client.list_objects(
            ListObjects(bucket=target.bucket, prefix=prefix, delimiter=delimiter, after=after)
        )
        if pattern is not None:
            page = replace(page, objects=tuple(entry for entry in page.objects if pattern.fullmatch(entry.key)))
        if not shared.is_quiet:
            _print_page(page, bucket=target.bucket, is_json=shared.is_json, is_long=is_long)
        after = page.next_after
        if not after:
            return


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
