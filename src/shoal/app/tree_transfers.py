"""What `-r` does: trees of files become objects, trees of objects become files or go away."""

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from shoal.app.many import Many
from shoal.app.output import optional_version, print_json, shown, version_document
from shoal.app.progress import TransferBar
from shoal.app.tree_names import local_files, place_below, shown_tree
from shoal.base.errors import NotFound
from shoal.client.client import Client
from shoal.client.put import PutOptions
from shoal.core.names import ObjectName, check_key
from shoal.model.messages.objects import ListObjects
from shoal.wiring.transfers import FileSink, FileSource


@dataclass(frozen=True, slots=True)
class TreeTask:
    """Which tree, how its progress is shown, and how what was done is told."""

    tree: ObjectName
    bar: TransferBar
    is_json: bool = False
    is_debug: bool = False


async def put_tree(client: Client, task: TreeTask, root: Path, *, options: PutOptions) -> Many[Path]:
    """Each file below `root` becomes an object of the tree, under its path from `root` on."""
    if task.bar.is_wanted:
        task.bar.total = _bytes_below(root)

    async def put(path: Path) -> int:
        key = check_key(task.tree.key + path.relative_to(root).as_posix())
        source = FileSource(path)
        try:
            shared = replace(options, progress=task.bar.share())
            version = await client.put(task.tree.bucket, key, source, options=shared)
        finally:
            source.close()
        if task.is_json:
            print_json(version_document(ObjectName(task.tree.bucket, key), version) | {"file": _text(path)})
        return version.size

    many = Many(put, name_of=lambda path: shown(str(path)), bar=task.bar, is_debug=task.is_debug)
    await many.run(_each(root))
    return many


async def get_tree(client: Client, task: TreeTask, root: Path) -> Many[str]:
    """Each object of the tree becomes a file below `root`. Each file appears only when it is whole. Raises: NotFound
    if there are none."""
    if task.bar.is_wanted:
        task.bar.total = (await client.usage(task.tree.bucket, task.tree.key)).object_bytes

    async def get(key: str) -> int:
        path = place_below(root, key.removeprefix(task.tree.key))
        sink = FileSink(path)
        try:
            version = await client.get(task.tree.bucket, key, sink, progress=task.bar.share())
            sink.commit()
        finally:
            sink.abandon()
        if task.is_json:
            print_json(version_document(ObjectName(task.tree.bucket, key), version) | {"file": _text(path)})
        return version.size

    many = Many(get, name_of=shown, bar=task.bar, is_debug=task.is_debug)
    await many.run(_keys(client, task.tree))
    return many


async def remove_tree(client: Client, task: TreeTask) -> Many[str]:
    """Each object of the tree is deleted; versions stay. Raises: NotFound if there are none."""

    async def remove(key: str) -> int:
        deleted = await client.delete(task.tree.bucket, key)
        if task.is_json:
            marker = optional_version(deleted.marker)
            print_json({"bucket": task.tree.bucket, "key": key, "version": None, "delete_marker": marker})
        return 0

    many = Many(remove, name_of=shown, bar=task.bar, is_debug=task.is_debug)
    await many.run(_keys(client, task.tree))
    return many


async def _each(root: Path) -> AsyncIterator[Path]:
    for path in local_files(root):
        yield path


async def _keys(client: Client, tree: ObjectName) -> AsyncIterator[str]:
    after = ""
    while True:
        page = await client.list_objects(ListObjects(bucket=tree.bucket, prefix=tree.key, after=after))
        if not after and not page.objects:
            raise NotFound(f"there are no objects in {shown_tree(tree)}")
        for entry in page.objects:
            yield entry.key
        after = page.next_after
        if not after:
            return


def _bytes_below(root: Path) -> int:
    total = 0
    for path in local_files(root):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _text(path: Path) -> str:
    return os.fsencode(path).decode(errors="replace")
