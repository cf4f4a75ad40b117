"""`shoal restore`."""

from pathlib import Path

import pytest

from shoal.base.ids import version_text
from support.command_line import Shoal
from support.fake_client import FakeClient, version_id

FIRST = version_text(version_id(1))


@pytest.fixture(autouse=True)
def stored(shoal: Shoal) -> None:
    """`a` in two versions."""
    for content in (b"old", b"hello"):
        Path("a").write_bytes(content)
        shoal("put", "a")


def test_former_content_is_a_new_version(shoal: Shoal, client: FakeClient) -> None:
    assert shoal("restore", "a", FIRST).out == f"a  version {version_text(version_id(3))}  3 B\n"
    assert [content for _, content in client.versions_of["a"]] == [b"old", b"hello", b"old"]


def test_json_names_what_was_restored(shoal: Shoal) -> None:
    [document] = shoal("restore", "a", FIRST, "--json").documents
    assert (document["version"], document["restored"]) == (version_text(version_id(3)), FIRST)


def test_condition_reaches_the_client(shoal: Shoal, client: FakeClient) -> None:
    assert shoal("restore", "a", FIRST, "--if-version", version_text(version_id(2))).code == 0
    assert client.copies[0].precondition.if_version == version_id(2)


@pytest.mark.parametrize(
    ("words", "code"), [(["a", "7"], 2), (["a"], 2), (["a", version_text(version_id(7))], 3), (["b", FIRST], 3)]
)
def test_what_is_not_there_changes_nothing(shoal: Shoal, client: FakeClient, words: list[str], code: int) -> None:
    assert shoal("restore", *words).code == code
    assert len(client.versions_of["a"]) == 2
