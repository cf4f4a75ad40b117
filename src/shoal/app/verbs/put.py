"""`shoal put`: store a file."""

from typing import TYPE_CHECKING

import click

from shoal.app.completion import local_paths
from shoal.app.options import Shared, shared_options
from shoal.app.setting import setting
from shoal.app.value_types import CHUNK_BYTES

if TYPE_CHECKING:
    from shoal.client.put import PutOptions


@click.command(
    epilog="Examples: shoal put photo.jpg · shoal put photo.jpg shoal://album/2025/1 · tar c . | shoal put - src.tar · "
    "shoal put -r photos shoal://album/2025"
)
@click.argument("file", metavar="FILE|DIR|-", shell_complete=local_paths)
@click.argument("name", metavar="[NAME|PREFIX]", required=False)
@click.option("-r", "--recursive", "is_recursive", is_flag=True, help="All files below DIR, as PREFIX/their path.")
@setting("--chunk-size", "chunk_bytes", type=CHUNK_BYTES, show_default="the cluster's size",
         help="Cut into chunks of 1B to 512MiB.")  # fmt: skip
@click.option("--if-absent", is_flag=True, help="Only if there is no such object yet.")
@click.option("--if-version", metavar="VERSION", help="Only if this is the current version.")
@click.option("--content-type", metavar="TYPE", default="", help="What it is, for example image/jpeg.")
@shared_options
def command(
    shared: Shared,
    *,
    file: str,
    name: str | None,
    is_recursive: bool,
    chunk_bytes: int | None,
    if_absent: bool,
    if_version: str | None,
    content_type: str,
) -> None:
    """Store FILE, or standard input for `-`, as the new version of NAME (the file's own name, if none is given).

    When this ends well, enough nodes have it on disk; if it fails, what was there before is as it was.

    With -r all files below DIR are stored, several at a time, under PREFIX (the directory's own name, if none is given;
    shoal://BUCKET for none at all) and their path in DIR. Links to files are followed. What fails is told, links to
    directories too, and the rest goes on; the exit status is that of the first failure.
    """
    from shoal.base.ids import parse_version
    from shoal.client.put import PutOptions
    from shoal.model.messages.objects import Precondition

    precondition = Precondition(if_absent=if_absent, if_version=parse_version(if_version) if if_version else None)
    options = PutOptions(chunk_bytes=chunk_bytes or 0, precondition=precondition, content_type=content_type)
    if not is_recursive:
        _put_file(shared, file, name, options=options)
    elif if_version is not None:
        raise click.UsageError("--if-version is of one object, and -r of many")
    else:
        _put_tree(shared, file, name, options=options)


def _put_file(shared: Shared, file: str, name: str | None, *, options: "PutOptions") -> None:
    from dataclasses import replace

    from shoal.app.calling import call_cluster
    from shoal.app.local_files import name_of, opened_source
    from shoal.app.output import print_json, print_line, shown_object, transfer_text, version_document
    from shoal.app.progress import TransferBar
    from shoal.base.ids import version_text
    from shoal.core.names import parse_target

    target = parse_target(name_of(file) if name is None else name)
    with opened_source(file) as source, TransferBar(target.key, is_wanted=not shared.is_quiet) as bar:
        bar.total = source.size
        shown_options = replace(options, progress=bar.advance)
        version = call_cluster(
            shared, lambda client: client.put(target.bucket, target.key, source, options=shown_options)
        )
        seconds = bar.seconds

    if shared.is_json:
        print_json(version_document(target, version) | {"seconds": round(seconds, 6)})
    elif not shared.is_quiet:
        told = transfer_text(version.size, seconds)
        print_line(f"{shown_object(target)}  version {version_text(version.version_id)}  {told}")


def _put_tree(shared: Shared, directory: str, prefix: str | None, *, options: "PutOptions") -> None:
    from pathlib import Path

    from shoal.app.calling import call_cluster
    from shoal.app.output import count_text, print_line, transfer_text
    from shoal.app.progress import TransferBar
    from shoal.app.tree_names import shown_tree, tree_for
    from shoal.app.tree_transfers import TreeTask, put_tree

    tree = tree_for(directory, prefix)
    with TransferBar(directory, is_wanted=not shared.is_quiet) as bar:
        task = TreeTask(tree, bar, is_json=shared.is_json, is_debug=shared.is_debug)
        many = call_cluster(shared, lambda client: put_tree(client, task, Path(directory), options=options))
        seconds = bar.seconds
    if not shared.is_json and not shared.is_quiet:
        print_line(f"{shown_tree(tree)}  {count_text(many.done, 'object')}  {transfer_text(many.moved_bytes, seconds)}")
    many.finish()
