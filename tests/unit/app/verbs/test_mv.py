"""`shoal mv`."""

from pathlib import Path

import pytest

from shoal.base.ids import version_text
from support.command_line import Shoal
from support.fake_client import FakeClient, version_id


@pytest.fixture(autouse=True)
def stored(shoal: Shoal) -> None:
    """`a`, and a bucket."""
    Path("a").write_bytes(b"hello")
    shoal("put", "a")
    shoal("mb", "album")


def test_content_is_under_the_new_name_only(shoal: Shoal, client: FakeClient) -> None:
    told = shoal("mv", "a", "shoal://album/b")
    assert told.out == f"a  to shoal://album/b  version {version_text(version_id(2))}  5 B\n"
    assert client.versions_of["shoal://album/b"][-1][1] == b"hello"
    assert shoal("stat", "a").code == 3


def test_json_names_both(shoal: Shoal) -> None:
    [document] = shoal("mv", "a", "b", "--json").documents
    assert document["source"] == {"bucket": "default", "key": "a"}
    assert document["key"] == "b"


def test_taken_target_and_its_version_are_conditions(shoal: Shoal, client: FakeClient) -> None:
    shoal("cp", "a", "b")
    assert shoal("mv", "a", "b", "--if-absent").code == 5
    assert shoal("stat", "a").code == 0
    assert shoal("mv", "a", "b", "--if-version", version_text(version_id(2))).code == 0
    assert client.copies[-1].precondition.if_version == version_id(2)


def test_object_is_not_moved_onto_itself(shoal: Shoal) -> None:
    told = shoal("mv", "a", "shoal://default/a")
    assert (told.code, told.err) == (2, "shoal: an object cannot be moved onto itself\n")
    assert shoal("stat", "a").code == 0


def test_missing_source_ends_with_3(shoal: Shoal) -> None:
    assert shoal("mv", "nothing", "b").code == 3
