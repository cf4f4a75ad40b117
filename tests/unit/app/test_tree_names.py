"""Which names make a tree, and that none of them leads out of its directory."""

import os
from pathlib import Path

import pytest

from shoal.app.tree_names import directory_for, local_files, place_below, shown_tree, tree_for, tree_of
from shoal.base.errors import InvalidArgument
from shoal.core.names import ObjectName


@pytest.mark.parametrize(
    ("text", "bucket", "key", "shown"),
    [
        ("photos", "default", "photos/", "photos/"),
        ("photos/", "default", "photos/", "photos/"),
        ("a/b", "default", "a/b/", "a/b/"),
        ("a//", "default", "a//", "a//"),
        ("", "default", "", "shoal://default"),
        ("shoal://album", "album", "", "shoal://album"),
        ("shoal://album/x", "album", "x/", "shoal://album/x/"),
    ],
)
def test_prefix_names_a_tree(text: str, bucket: str, key: str, shown: str) -> None:
    assert tree_of(text) == ObjectName(bucket, key)
    assert shown_tree(tree_of(text)) == shown


def test_prefix_that_is_too_long_with_its_slash_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="too long"):
        tree_of("x" * 1024)


def test_directory_gives_its_name_to_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x/y").mkdir(parents=True)
    assert tree_for("x/y/", None) == ("default", "y/")
    assert tree_for(".", None) == ("default", f"{tmp_path.name}/")
    assert tree_for("x", "shoal://album") == ("album", "")


@pytest.mark.parametrize("directory", ["nothing", "file"])
def test_what_is_no_directory_is_no_tree(directory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(b"")
    with pytest.raises(InvalidArgument, match="is not a directory"):
        tree_for(directory, None)


def test_root_directory_has_no_name_to_give() -> None:
    with pytest.raises(InvalidArgument, match="say which PREFIX"):
        tree_for("/", None)


def test_tree_gives_its_last_part_to_the_directory() -> None:
    assert directory_for(tree_of("a/b"), None) == Path("b")
    assert directory_for(tree_of("a/b"), "c") == Path("c")


@pytest.mark.parametrize("text", ["", "shoal://album", "..", "a/..", "a/.", "//"])
def test_tree_without_a_name_of_its_own_needs_a_directory(text: str) -> None:
    with pytest.raises(InvalidArgument, match="say which DIR"):
        directory_for(tree_of(text), None)


def test_all_files_are_found_in_order_and_links_to_directories_are_not_followed(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a", "c/d/3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in local_files(tmp_path)]
    assert found == ["a", "loop", "b/1", "b/2", "c/d/3"]


def test_directory_that_cannot_be_read_comes_itself(tmp_path: Path) -> None:
    assert list(local_files(tmp_path / "nothing")) == [tmp_path / "nothing"]


def test_place_is_below_the_root_and_has_its_directories(tmp_path: Path) -> None:
    path = place_below(tmp_path / "new" / "root", "a/b/c.txt")
    assert path == tmp_path / "new" / "root" / "a" / "b" / "c.txt"
    assert path.parent.is_dir()
    assert place_below(tmp_path / "new" / "root", "a/b/c.txt") == path


@pytest.mark.parametrize("relative", ["", "..", ".", "../x", "a/../../x", "/etc/passwd", "a//b", "a/", "a/./b", "a/.."])
def test_name_that_is_no_path_inside_makes_nothing(tmp_path: Path, relative: str) -> None:
    with pytest.raises(InvalidArgument, match="no path inside"):
        place_below(tmp_path / "root", relative)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("relative", ["link/x", "link/x/y", "file/x", "dangling/x", "link", "dangling"])
def test_nothing_is_written_through_what_is_in_the_way(tmp_path: Path, relative: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(outside)
    (root / "dangling").symlink_to(tmp_path / "nowhere")
    (root / "file").write_bytes(b"mine")
    with pytest.raises(InvalidArgument, match="is in the way"):
        place_below(root, relative)
    assert os.listdir(outside) == []
    assert not (tmp_path / "nowhere").exists()


def test_part_that_the_file_system_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="cannot write below"):
        place_below(tmp_path, "x" * 300 + "/y")


def test_root_may_be_a_link_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "real")
    place_below(tmp_path / "root", "a").write_bytes(b"hello")
    assert (tmp_path / "real" / "a").read_bytes() == b"hello"
