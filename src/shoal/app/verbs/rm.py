"""`shoal rm`: delete an object, or one version."""

import click

from shoal.app.options import Shared, shared_options


@click.command(
    epilog="Examples: shoal rm photo.jpg · shoal rm photo.jpg --version 0199b2f0-… · shoal rm -r shoal://album/2025"
)
@click.argument("name", metavar="NAME|PREFIX")
@click.option("-r", "--recursive", "is_recursive", is_flag=True, help="All objects below PREFIX/.")
@click.option("--version", metavar="VERSION", help="Only this version, and for good.")
@shared_options
def command(shared: Shared, *, name: str, is_recursive: bool, version: str | None) -> None:
    """Delete NAME. Its versions stay, below a delete marker; `shoal get NAME --version V` still reads them. With
    --version that one goes for good. Fails with status 3 if there is nothing to delete.

    With -r all objects whose names begin with PREFIX/ are deleted, and their versions stay; shoal://BUCKET is all of a
    bucket. What fails is told, and the rest goes on; the exit status is that of the first failure.
    """
    if not is_recursive:
        _remove(shared, name, version)
    elif version is not None:
        raise click.UsageError("--version is of one object, and -r of many")
    elif not name:
        raise click.UsageError("PREFIX is empty; write shoal://BUCKET for all of a bucket")
    else:
        _remove_tree(shared, name)


def _remove(shared: Shared, name: str, version: str | None) -> None:
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


def _remove_tree(shared: Shared, prefix: str) -> None:
    from shoal.app.calling import call_cluster
    from shoal.app.output import count_text, print_line
    from shoal.app.progress import TransferBar
    from shoal.app.tree_names import shown_tree, tree_of
    from shoal.app.tree_transfers import TreeTask, remove_tree

    tree = tree_of(prefix)
    with TransferBar(prefix, is_wanted=False) as bar:
        task = TreeTask(tree, bar, is_json=shared.is_json, is_debug=shared.is_debug)
        many = call_cluster(shared, lambda client: remove_tree(client, task))
    if not shared.is_json and not shared.is_quiet:
        print_line(f"{shown_tree(tree)}  {count_text(many.done, 'object')} deleted")
    many.finish()
