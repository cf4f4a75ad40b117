"""Trees in and out."""

import os
from pathlib import Path

import pytest

from shoal.app.progress import TransferBar
from shoal.app.tree_names import tree_of
from shoal.app.tree_transfers import TreeTask, get_tree, put_tree, remove_tree
from shoal.base.errors import NotFound
from shoal.client.put import PutOptions
from shoal.wiring.transfers import BytesSource
from support.fake_client import FakeClient


def task(tree: str) -> TreeTask:
    """Without a bar that anybody sees."""
    return TreeTask(tree_of(tree), TransferBar(tree, is_wanted=False))


def files_below(root: Path) -> list[str]:
    """What lies there and is no directory, in order."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())


async def stored(*keys: str) -> FakeClient:
    """A client whose objects hold their own names."""
    client = FakeClient()
    for key in keys:
        await client.put("default", key, BytesSource(key.encode()), PutOptions())
    return client


async def test_each_file_keeps_its_path(tmp_path: Path) -> None:
    for name in ("a", "d/e/f"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    client = FakeClient()
    many = await put_tree(client.as_client(), task("t"), tmp_path, options=PutOptions(content_type="x/y"))
    assert (many.done, many.moved_bytes) == (2, 6)
    assert {key: held[-1][1] for key, held in client.versions_of.items()} == {"t/a": b"a", "t/d/e/f": b"d/e/f"}
    assert [options.content_type for options in client.options] == ["x/y", "x/y"]


async def test_what_is_no_file_is_told_and_the_rest_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").symlink_to("/")
    (tmp_path / "c").symlink_to(tmp_path / "a")
    client = FakeClient()
    many = await put_tree(client.as_client(), task("t"), tmp_path, options=PutOptions())
    assert list(client.versions_of) == ["t/a", "t/c"]
    assert many.failed == 1
    assert capsys.readouterr().err == f"shoal: {tmp_path / 'b'}: {tmp_path / 'b'} is a directory\n"


async def test_objects_of_all_pages_become_files(tmp_path: Path) -> None:
    client = await stored("t/a", "t/b/c", "t/b/d", "t/e", "tt", "t")
    many = await get_tree(client.as_client(), task("t"), tmp_path / "out")
    assert (many.done, many.moved_bytes) == (4, 16)
    assert files_below(tmp_path) == ["out/a", "out/b/c", "out/b/d", "out/e"]
    assert (tmp_path / "out/b/c").read_bytes() == b"t/b/c"


async def test_names_that_lead_out_are_told_and_the_rest_comes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = await stored("t/../x", "t//y", "t/a", "t/")
    many = await get_tree(client.as_client(), task("t"), tmp_path / "out")
    assert (many.done, many.failed) == (1, 3)
    assert files_below(tmp_path) == ["out/a"]
    assert capsys.readouterr().err.count("no path inside of a directory") == 3


async def test_name_that_is_a_directory_of_another_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = await stored("t/a", "t/a/b", "t/c")
    many = await get_tree(client.as_client(), task("t"), tmp_path)
    assert (many.done, many.failed) == (2, 1)
    assert capsys.readouterr().err.startswith("shoal: t/a")
    assert "c" in files_below(tmp_path)


async def test_name_that_is_no_text_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (b"a\xff", b"b"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    client = FakeClient()
    many = await put_tree(client.as_client(), task("t"), tmp_path, options=PutOptions())
    assert (many.done, many.failed) == (1, 1)
    assert f"{tmp_path}/a\\udcff: the name" in capsys.readouterr().err
    assert list(client.versions_of) == ["t/b"]


async def test_tree_goes_and_its_neighbours_stay() -> None:
    client = await stored("t/a", "t/b", "t/c", "tt", "t")
    assert (await remove_tree(client.as_client(), task("t"))).done == 3
    for key in ("t", "tt"):
        assert (await client.stat("default", key)).size
    with pytest.raises(NotFound):
        await client.stat("default", "t/a")


async def test_empty_tree_is_not_found(tmp_path: Path) -> None:
    client = await stored("tt")
    with pytest.raises(NotFound, match="there are no objects in t/"):
        await get_tree(client.as_client(), task("t"), tmp_path)
    with pytest.raises(NotFound):
        await remove_tree(client.as_client(), task("t"))
