"""`shoal stat`."""

from pathlib import Path

from shoal.base.ids import version_text
from support.command_line import Shoal
from support.fake_client import version_id


def test_facts_of_an_object_are_shown(shoal: Shoal) -> None:
    Path("a").write_bytes(b"hello")
    shoal("put", "a")
    told = shoal("stat", "a").out.splitlines()
    assert told[:4] == [
        "name     a",
        f"version  {version_text(version_id(1))}",
        "size     5 (5 B)",
        "created  2025-10-09 08:53:21 UTC",
    ]


def test_json_is_one_document_of_that_version(shoal: Shoal) -> None:
    Path("a").write_bytes(b"hello")
    shoal("put", "a")
    shoal("put", "a")
    [document] = shoal("stat", "a", "--version", version_text(version_id(1)), "--json").documents
    assert document["version"] == version_text(version_id(1))
    assert document["root"] == "00" * 32
    assert document["is_delete_marker"] is False


def test_unknown_name_ends_with_3(shoal: Shoal) -> None:
    assert shoal("stat", "a").code == 3
