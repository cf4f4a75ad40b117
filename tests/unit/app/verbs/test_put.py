"""`shoal put`: names, options, and what is refused before a byte is sent."""

import os
from pathlib import Path

import pytest

from shoal.base.ids import version_text
from support.command_line import Shoal
from support.fake_client import FakeClient, version_id


def test_file_gets_its_base_name(shoal: Shoal, client: FakeClient, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_bytes(b"hello")

    told = shoal("put", "sub/a.txt")

    assert told.code == 0
    assert told.out.startswith(f"a.txt  version {version_text(version_id(1))}  5 B in ")
    assert client.versions_of["a.txt"][-1][1] == b"hello"


def test_name_may_be_anything(shoal: Shoal, client: FakeClient) -> None:
    Path("a").write_bytes(b"")
    assert shoal("put", "a", "../x//y").code == 0
    assert list(client.versions_of) == ["../x//y"]


def test_json_is_one_document(shoal: Shoal) -> None:
    Path("a").write_bytes(b"hello")
    [document] = shoal("put", "a", "--json").documents
    assert document["bucket"] == "default"
    assert document["key"] == "a"
    assert document["size"] == 5
    assert document["version"] == version_text(version_id(1))
    assert document["seconds"] >= 0


def test_quiet_says_nothing(shoal: Shoal) -> None:
    Path("a").write_bytes(b"hello")
    told = shoal("put", "a", "-q")
    assert (told.code, told.out, told.err) == (0, "", "")


def test_options_reach_the_client(shoal: Shoal, client: FakeClient) -> None:
    Path("a").write_bytes(b"hello")
    wanted = version_text(version_id(9))
    assert shoal("put", "a", "--chunk-size", "64KiB", "--if-version", wanted, "--content-type", "text/plain").code == 0
    [options] = client.options
    assert options.chunk_bytes == 65536
    assert options.precondition.if_version == version_id(9)
    assert options.content_type == "text/plain"


def test_failed_precondition_ends_with_5(shoal: Shoal) -> None:
    Path("a").write_bytes(b"hello")
    assert shoal("put", "a", "--if-absent").code == 0
    told = shoal("put", "a", "--if-absent")
    assert (told.code, told.err) == (5, "shoal: the object exists already\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a", ""], "a name is empty"),
        (["a", "x" * 1025], "too long"),
        (["a", "x\udcff"], "not valid UTF-8"),
        (["a", "x\0y"], "NUL"),
        (["a", "shoal://B/x"], "cannot be a bucket"),
        (["a", "--chunk-size", "0"], "a chunk size of 0 bytes is not possible"),
        (["a", "--chunk-size", "-1"], "is not a size"),
        (["a", "--chunk-size", "513MiB"], "is not possible"),
        (["a", "--if-version", "7"], "a version id is a UUID"),
        (["-"], "needs a NAME"),
        (["."], "is a directory"),
        (["a\0b", "name"], "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(shoal: Shoal, client: FakeClient, words: list[str], says: str) -> None:
    Path("a").write_bytes(b"hello")
    told = shoal("put", *words)
    assert told.code == 2
    assert says in told.err
    assert told.err.count("\n") == 1
    assert not client.versions_of


def test_file_whose_name_is_not_text_needs_a_name(shoal: Shoal, client: FakeClient) -> None:
    file = os.fsdecode(b"a\xff")
    Path(file).write_bytes(b"hello")
    assert "not valid UTF-8" in shoal("put", file).err
    assert shoal("put", file, "a").code == 0
    assert list(client.versions_of) == ["a"]


def test_missing_file_is_named(shoal: Shoal) -> None:
    told = shoal("put", "nowhere")
    assert (told.code, told.err) == (3, "shoal: there is no file nowhere\n")


def test_tree_is_stored_under_its_own_name(shoal: Shoal, client: FakeClient) -> None:
    Path("photos/2025").mkdir(parents=True)
    Path("photos/2025/a").write_bytes(b"hello")
    assert shoal("put", "-r", "photos").out.startswith("photos/  1 object  5 B in ")
    assert shoal("put", "-r", "photos", "shoal://default").code == 0
    assert list(client.versions_of) == ["photos/2025/a", "2025/a"]


def test_tree_in_json_is_a_document_for_each_file(shoal: Shoal) -> None:
    Path("photos").mkdir()
    Path("photos/a").write_bytes(b"hello")
    [document] = shoal("put", "-r", "photos", "p", "--json").documents
    assert (document["key"], document["size"], document["file"]) == ("p/a", 5, "photos/a")


def test_tree_with_a_failure_ends_with_its_code(shoal: Shoal, client: FakeClient) -> None:
    Path("photos").mkdir()
    for name in ("a", "b"):
        Path("photos", name).write_bytes(b"hello")
    shoal("put", "photos/a", "photos/a")
    told = shoal("put", "-r", "photos", "--if-absent")
    assert told.code == 5
    assert told.err == "shoal: photos/a: the object exists already\nshoal: 1 of 2 failed\n"
    assert "photos/b" in client.versions_of


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a"], "is not a directory"),
        (["-"], "is not a directory"),
        ([".", "x" * 1024], "too long"),
        ([".", "x", "--if-version", version_text(version_id(1))], "-r of many"),
    ],
)
def test_tree_options_that_do_not_fit_are_refused(shoal: Shoal, words: list[str], says: str) -> None:
    Path("a").write_bytes(b"hello")
    told = shoal("put", "-r", *words)
    assert told.code == 2
    assert says in told.err
    assert told.err.count("\n") == 1


def test_the_chunk_size_may_come_from_the_environment(
    shoal: Shoal, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a").write_bytes(b"")
    monkeypatch.setenv("SHOAL_CHUNK_SIZE", "1MiB")
    assert shoal("put", "a").code == 0
    assert [options.chunk_bytes for options in client.options] == [1 << 20]
    monkeypatch.setenv("SHOAL_CHUNK_SIZE", "much")
    told = shoal("put", "a")
    assert (told.code, "SHOAL_CHUNK_SIZE" in told.err) == (2, True)
