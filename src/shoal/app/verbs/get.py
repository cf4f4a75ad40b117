"""`shoal get`: fetch an object."""

import os
import re

import click

from shoal.app.options import Shared, shared_options

_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})?")


@click.command(epilog="Examples: shoal get photo.jpg · shoal get photo.jpg /tmp/copy.jpg · shoal get src.tar - | tar x")
@click.argument("name")
@click.argument("file", metavar="[FILE|-]", required=False)
@click.option("--version", metavar="VERSION", help="This one of `shoal versions NAME`. [default: the current one]")
@click.option("--range", "span", metavar="FIRST-LAST", help="Only these bytes, from 0 on, LAST included; or FIRST-.")
@shared_options
def command(shared: Shared, *, name: str, file: str | None, version: str | None, span: str | None) -> None:
    """Fetch NAME into FILE, or to standard output for `-`. Without FILE it goes into the current directory, under the
    last part of its name.

    Every byte is checked. FILE appears only when it is whole; if this fails, what was there before is as it was.
    """
    from shoal.app.calling import call_cluster
    from shoal.app.fetching import Wanted, fetch_file, fetch_stream
    from shoal.app.local_files import STANDARD, destination_of, opened_stream
    from shoal.app.output import print_json, print_line, shown, shown_object, transfer_text, version_document
    from shoal.app.progress import TransferBar
    from shoal.base.ids import parse_version
    from shoal.core.names import parse_target

    if shared.is_json and file == STANDARD:
        raise click.UsageError("--json and the object cannot both go to standard output")
    target = parse_target(name)
    start, stop = _parse_range(span)
    wanted = Wanted(target, parse_version(version) if version else None, start, stop)

    with opened_stream(file) as stream, TransferBar(target.key, is_wanted=not shared.is_quiet) as bar:
        if stream is not None:
            call_cluster(shared, lambda client: fetch_stream(client, wanted, stream, bar))
            return
        path = destination_of(target, file)
        fetched = call_cluster(shared, lambda client: fetch_file(client, wanted, path, bar))
        seconds = bar.seconds

    if shared.is_json:
        outcome = {"file": os.fsencode(path).decode(errors="replace"), "bytes": fetched.size}
        print_json(version_document(target, fetched.version) | outcome | {"seconds": round(seconds, 6)})
    elif not shared.is_quiet:
        print_line(f"{shown_object(target)}  to {shown(str(path))}  {transfer_text(fetched.size, seconds)}")


def _parse_range(text: str | None) -> tuple[int, int | None]:
    """(start, stop); None is the end of the object."""
    if text is None:
        return 0, None
    match = _RANGE.fullmatch(text)
    if match is None:
        raise click.UsageError("--range is FIRST-LAST or FIRST-, for example 0-1023")
    return int(match[1]), int(match[2]) + 1 if match[2] else None
