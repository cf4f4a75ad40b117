"""`shoal rm`."""

from pathlib import Path

import pytest

from shoal.base.ids import version_text
from support.command_line import Shoal
from support.fake_client import FakeClient, version_id


@pytest.fixture(autouse=True)
def stored(shoal: Shoal) -> None:
    """`a` in one version."""
    Path("a").write_bytes(b"hello")
    shoal("put", "a")


def test_object_is_hidden_and_its_version_stays(shoal: Shoal) -> None:
    assert shoal("rm", "a").out == f"a  deleted, marker {version_text(version_id(2))}\n"
    assert shoal("stat", "a", "--version", version_text(version_id(1))).code == 0


def test_version_goes_for_good(shoal: Shoal, client: FakeClient) -> None:
    version = version_text(version_id(1))
    assert shoal("rm", "a", "--version", version).out == f"a  version {version} deleted for good\n"
    assert client.versions_of["a"] == []


def test_json_names_the_marker(shoal: Shoal) -> None:
    marker = version_text(version_id(2))
    assert shoal("rm", "a", "--json").documents == [
        {"bucket": "default", "key": "a", "version": None, "delete_marker": marker}
    ]


@pytest.mark.parametrize("words", [["b"], ["a", "--version", version_text(version_id(5))]])
def test_nothing_to_delete_ends_with_3(shoal: Shoal, words: list[str]) -> None:
    told = shoal("rm", *words)
    assert told.code == 3
    assert told.err.startswith(f"shoal: there is no object {words[0]}")


def test_tree_is_deleted_and_its_versions_stay(shoal: Shoal, client: FakeClient) -> None:
    for name in ("d/1", "d/2", "d/3"):
        shoal("put", "a", name)
    assert shoal("rm", "-r", "d").out == "d/  3 objects deleted\n"
    assert shoal("ls").out == "a\n"
    assert len(client.versions_of["d/1"]) == 2


def test_tree_in_json_is_a_document_for_each_object(shoal: Shoal) -> None:
    shoal("put", "a", "d/1")
    [document] = shoal("rm", "-r", "d/", "--json").documents
    assert (document["key"], document["version"]) == ("d/1", None)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["nothing"], 3, "there are no objects in nothing/"),
        ([""], 2, "PREFIX is empty"),
        (["a", "--version", version_text(version_id(1))], 2, "-r of many"),
    ],
)
def test_tree_that_cannot_be_deleted_is_one_line(shoal: Shoal, words: list[str], code: int, says: str) -> None:
    told = shoal("rm", "-r", *words)
    assert told.code == code
    assert says in told.err
    assert shoal("ls").out == "a\n"
