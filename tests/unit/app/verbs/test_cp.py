"""`shoal cp`."""

from pathlib import Path

import pytest

from shoal.base.ids import version_text
from support.command_line import Shoal
from support.fake_client import FakeClient, version_id


@pytest.fixture(autouse=True)
def stored(shoal: Shoal) -> None:
    """`a` in two versions, and a bucket."""
    for content in (b"old", b"hello"):
        Path("a").write_bytes(content)
        shoal("put", "a")
    shoal("mb", "album")


def test_copy_has_the_current_content_and_the_source_stays(shoal: Shoal, client: FakeClient) -> None:
    told = shoal("cp", "a", "shoal://album/b")
    assert told.out == f"a  to shoal://album/b  version {version_text(version_id(3))}  5 B\n"
    assert client.versions_of["shoal://album/b"][-1][1] == b"hello"
    assert len(client.versions_of["a"]) == 2


def test_former_version_can_be_copied(shoal: Shoal, client: FakeClient) -> None:
    assert shoal("cp", "a", "b", "--version", version_text(version_id(1))).code == 0
    assert client.versions_of["b"][-1][1] == b"old"


def test_json_names_source_and_copy(shoal: Shoal) -> None:
    [document] = shoal("cp", "a", "b", "--json", "--content-type", "text/plain").documents
    assert document["source"] == {"bucket": "default", "key": "a"}
    assert (document["key"], document["size"], document["content_type"]) == ("b", 5, "text/plain")


def test_conditions_are_of_the_target(shoal: Shoal, client: FakeClient) -> None:
    assert shoal("cp", "a", "b", "--if-absent", "--if-version", version_text(version_id(9))).code == 0
    [options] = client.copies
    assert (options.precondition.if_absent, options.precondition.if_version) == (True, version_id(9))
    assert options.content_type is None
    assert shoal("cp", "a", "b", "--if-absent").code == 5


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["nothing", "b"], 3, "there is no object 'nothing'"),
        (["a", "shoal://album"], 2, "names no object"),
        (["a", "shoal://nowhere/b"], 3, "there is no bucket nowhere"),
        (["a", ""], 2, "a name is empty"),
        (["a", "b", "--version", "7"], 2, "a version id is a UUID"),
        (["a"], 2, "Missing argument 'TARGET'"),
    ],
)
def test_what_cannot_be_is_one_line(shoal: Shoal, words: list[str], code: int, says: str) -> None:
    told = shoal("cp", *words)
    assert told.code == code
    assert says in told.err
    assert told.err.count("\n") == 1
