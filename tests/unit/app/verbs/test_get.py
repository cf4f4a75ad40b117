"""`shoal get`: where the bytes go, and what stays as it was."""

from pathlib import Path

import pytest

from shoal.base.ids import version_text
from support.command_line import Shoal
from support.fake_client import FakeClient, version_id


@pytest.fixture(autouse=True)
def stored(shoal: Shoal) -> None:
    """`dir/a` in two versions."""
    for content in (b"old", b"hello"):
        Path("source").write_bytes(content)
        shoal("put", "source", "dir/a")


def test_without_file_it_goes_under_the_last_part_of_the_name(shoal: Shoal) -> None:
    told = shoal("get", "dir/a")
    assert told.out.startswith("dir/a  to a  5 B in ")
    assert Path("a").read_bytes() == b"hello"


def test_directory_gets_the_last_part_of_the_name(shoal: Shoal) -> None:
    Path("there").mkdir()
    assert shoal("get", "dir/a", "there").code == 0
    assert Path("there/a").read_bytes() == b"hello"


def test_version_and_range_are_honoured(shoal: Shoal) -> None:
    assert shoal("get", "dir/a", "x", "--version", version_text(version_id(1)), "--range", "1-1").code == 0
    assert Path("x").read_bytes() == b"l"
    assert shoal("get", "dir/a", "x", "--range", "2-").code == 0
    assert Path("x").read_bytes() == b"llo"


def test_standard_output_has_the_bytes_and_nothing_else(shoal: Shoal) -> None:
    assert shoal("get", "dir/a", "-").out == "hello"


def test_json_tells_file_and_bytes(shoal: Shoal) -> None:
    [document] = shoal("get", "dir/a", "--json").documents
    assert document["file"] == "a"
    assert document["bytes"] == document["size"] == 5


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["nothing"], 3, "there is no object 'nothing'"),
        (["dir/a", "--version", "7"], 2, "a version id is a UUID"),
        (["dir/a", "--version", version_text(version_id(77))], 3, "there is no object"),
        (["dir/.."], 2, "say which FILE"),
        (["dir/"], 2, "say which FILE"),
        (["dir/a", "--range", "5"], 2, "--range is FIRST-LAST"),
        (["dir/a", "--range", "3-9"], 2, "lies outside the object's 5 bytes"),
        (["dir/a", "nowhere/x"], 2, "cannot write nowhere/x"),
        (["dir/a", "-", "--json"], 2, "cannot both go to standard output"),
    ],
)
def test_what_fails_leaves_no_file(shoal: Shoal, words: list[str], code: int, says: str) -> None:
    told = shoal("get", *words)
    assert told.code == code
    assert says in told.err
    assert [file.name for file in Path().iterdir()] == ["source"]


def test_failure_leaves_the_old_file_as_it_was(shoal: Shoal, client: FakeClient) -> None:
    Path("a").write_bytes(b"mine")
    assert shoal("get", "nothing", "a").code == 3
    assert Path("a").read_bytes() == b"mine"


def test_device_is_written_to_and_not_replaced(shoal: Shoal) -> None:
    assert shoal("get", "dir/a", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()


def test_tree_goes_into_a_directory_of_its_name(shoal: Shoal) -> None:
    assert shoal("get", "-r", "dir").out.startswith("dir/  to dir  1 file  5 B in ")
    assert Path("dir/a").read_bytes() == b"hello"


def test_tree_in_json_is_a_document_for_each_file(shoal: Shoal) -> None:
    [document] = shoal("get", "-r", "dir", "out", "--json").documents
    assert (document["key"], document["file"]) == ("dir/a", "out/a")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["nothing"], 3, "there are no objects in nothing/"),
        (["shoal://default"], 2, "say which DIR"),
        (["dir", "-"], 2, "-r fetches many"),
        (["dir", "out", "--range", "0-1"], 2, "-r fetches many"),
        (["dir", "source"], 2, "cannot write below source"),
    ],
)
def test_tree_that_cannot_be_fetched_writes_nothing(shoal: Shoal, words: list[str], code: int, says: str) -> None:
    told = shoal("get", "-r", *words)
    assert told.code == code
    assert says in told.err
    assert [file.name for file in Path().iterdir()] == ["source"]
