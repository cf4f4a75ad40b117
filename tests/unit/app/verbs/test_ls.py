"""`shoal ls`: all pages, in byte order."""

from pathlib import Path

import pytest

from support.command_line import Shoal

NAMES = ("b", "a", "d/1", "d/2", "e\nf", "ü", "d.x")


@pytest.fixture(autouse=True)
def stored(shoal: Shoal) -> None:
    """Some objects."""
    Path("source").write_bytes(b"hello")
    for name in NAMES:
        shoal("put", "source", name)


def test_all_pages_are_listed_in_byte_order(shoal: Shoal) -> None:
    assert shoal("ls").out.splitlines() == ["a", "b", "d.x", "d/1", "d/2", "e\\nf", "ü"]


def test_prefix_selects(shoal: Shoal) -> None:
    assert shoal("ls", "d/").out.splitlines() == ["d/1", "d/2"]
    assert shoal("ls", "shoal://default/d/").out.splitlines() == ["d/1", "d/2"]


def test_delimiter_folds(shoal: Shoal) -> None:
    assert shoal("ls", "--delimiter", "/").out.splitlines() == ["a", "b", "d.x", "d/", "e\\nf", "ü"]


def test_long_shows_size_time_and_version(shoal: Shoal) -> None:
    [line] = shoal("ls", "a", "--long").out.splitlines()
    assert line.split() == ["5", "B", "2025-10-09", "08:53:22", "0199b2f0-0000-7000-8000-000000000002", "a"]


def test_json_is_a_document_a_line(shoal: Shoal) -> None:
    documents = shoal("ls", "--json", "--delimiter", "/").documents
    assert [document.get("key", document.get("prefix")) for document in documents] == sorted(
        {*NAMES, "d/"} - {"d/1", "d/2"}
    )
    assert documents[0] == {
        "bucket": "default",
        "key": "a",
        "size": 5,
        "version": "0199b2f0-0000-7000-8000-000000000002",
        "created": "2025-10-09T08:53:22.000000Z",
        "content_type": "",
    }
    assert {"bucket": "default", "prefix": "d/"} in documents


def test_missing_bucket_ends_with_3(shoal: Shoal) -> None:
    assert shoal("ls", "shoal://other").code == 3


def test_pattern_selects_from_all_pages(shoal: Shoal) -> None:
    assert shoal("ls", "*").out.splitlines() == ["a", "b", "d.x", "e\\nf", "ü"]
    assert shoal("ls", "d/*").out.splitlines() == ["d/1", "d/2"]
    assert shoal("ls", "shoal://default/**[12]").out.splitlines() == ["d/1", "d/2"]
    assert shoal("ls", "x*").out == ""


def test_pattern_and_delimiter_do_not_go_together(shoal: Shoal) -> None:
    told = shoal("ls", "d*", "--delimiter", "/")
    assert told.code == 2
    assert "do not go together" in told.err


def test_bare_scheme_lists_the_buckets(shoal: Shoal) -> None:
    shoal("mb", "album")
    assert shoal("ls", "shoal://").out == "album\ndefault\n"
    assert shoal("ls", "shoal://", "--long").out.splitlines()[0] == "2025-10-09 08:53:20  album"
    assert [document["bucket"] for document in shoal("ls", "shoal://", "--json").documents] == ["album", "default"]
    assert shoal("ls", "shoal://", "-q").out == ""
