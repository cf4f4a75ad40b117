"""`shoal get`: fetch an object."""

import os
import re

import click

from shoal.app.completion import local_paths
from shoal.app.options import Shared, shared_options

_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})?")


@click.command(
    epilog="Examples: shoal get photo.jpg · shoal get photo.jpg /tmp/copy.jpg · shoal get src.tar - | tar x · "
    "shoal get -r shoal://album/2025 photos"
)
@click.argument("name", metavar="NAME|PREFIX")
@click.argument("file", metavar="[FILE|DIR|-]", required=False, shell_complete=local_paths)
@click.option("-r", "--recursive", "is_recursive", is_flag=True, help="All objects below PREFIX/, into DIR.")
@click.option("--version", metavar="VERSION", help="This one of `shoal versions NAME`. [default: the current one]")
@click.option("--range", "span", metavar="FIRST-LAST", help="Only these bytes, from 0 on, LAST included; or FIRST-.")
@shared_options
def command(
    shared: Shared, *, name: str, file: str | None, is_recursive: bool, version: str | None, span: str | None
) -> None:
    """Fetch NAME into FILE, or to standard output for `-`. Without FILE it goes into the current directory, under the
    last part of its name.

    Every byte is checked. FILE appears only when it is whole; if this fails, what was there before is as it was.

    With -r all objects whose names begin with PREFIX/ go into DIR (or the last part of PREFIX, in the current
    directory), several at a time, under the rest of their names. No file is written outside of DIR, nor through a link
    in it. What fails is told, and the rest goes on; the exit status is that of the first failure.
    """
    from shoal.app.local_files import STANDARD

    if shared.is_json and file == STANDARD:
        raise click.UsageError("--json and the object cannot both go to standard output")
    if not is_recursive:
        _get_file(shared, name, file, version=version, span=span)
    elif file == STANDARD or version is not None or span is not None:
        raise click.UsageError("-r fetches many objects into a DIR; - and --version and --range are of one")
    else:
        _get_tree(shared, name, file)


def _get_file(shared: Shared, name: str, file: str | None, *, version: str | None, span: str | None) -> None:
    from shoal.app.calling import call_cluster
    from shoal.app.fetching import Wanted, fetch_file, fetch_stream
    from shoal.app.local_files import destination_of, opened_stream
    from shoal.app.output import print_json, print_line, shown, shown_object, transfer_text, version_document
    from shoal.app.progress import TransferBar
    from shoal.base.ids import parse_version
    from shoal.core.names import parse_target

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


def _get_tree(shared: Shared, prefix: str, directory: str | None) -> None:
    from shoal.app.calling import call_cluster
    from shoal.app.output import count_text, print_line, shown, transfer_text
    from shoal.app.progress import TransferBar
    from shoal.app.tree_names import directory_for, shown_tree, tree_of
    from shoal.app.tree_transfers import TreeTask, get_tree

    tree = tree_of(prefix)
    root = directory_for(tree, directory)
    with TransferBar(prefix, is_wanted=not shared.is_quiet) as bar:
        task = TreeTask(tree, bar, is_json=shared.is_json, is_debug=shared.is_debug)
        many = call_cluster(shared, lambda client: get_tree(client, task, root))
        seconds = bar.seconds
    if not shared.is_json and not shared.is_quiet:
        told = transfer_text(many.moved_bytes, seconds)
        print_line(f"{shown_tree(tree)}  to {shown(str(root))}  {count_text(many.done, 'file')}  {told}")
    many.finish()


def _parse_range(text: str | None) -> tuple[int, int | None]:
    """(start, stop); None is the end of the object."""
    if text is None:
        return 0, None
    match = _RANGE.fullmatch(text)
    if match is None:
        raise click.UsageError("--range is FIRST-LAST or FIRST-, for example 0-1023")
    return int(match[1]), int(match[2]) + 1 if match[2] else None
