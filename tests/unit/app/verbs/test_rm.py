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
