"""`shoal versions`."""

from pathlib import Path

import pytest

from support.command_line import Shoal


@pytest.fixture(autouse=True)
def stored(shoal: Shoal) -> None:
    """`a`: three versions, a marker among them."""
    Path("a").write_bytes(b"hello")
    for verb in (("put", "a"), ("rm", "a"), ("put", "a")):
        shoal(*verb)


def test_all_pages_are_listed_newest_first_with_the_current_one_marked(shoal: Shoal) -> None:
    lines = shoal("versions", "a").out.splitlines()
    assert [(line[0], line[37], line.split()[-1]) for line in lines] == [
        ("*", "3", "B"),
        (" ", "2", "deleted"),
        (" ", "1", "B"),
    ]


def test_json_is_a_document_a_line(shoal: Shoal) -> None:
    documents = shoal("versions", "a", "--json").documents
    assert [document["is_delete_marker"] for document in documents] == [False, True, False]
    assert [document["is_current"] for document in documents] == [True, False, False]


def test_name_that_never_was_ends_with_3(shoal: Shoal) -> None:
    told = shoal("versions", "b")
    assert (told.code, told.err) == (3, "shoal: there is no object b\n")
