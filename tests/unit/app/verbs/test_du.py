"""`shoal du`."""

from pathlib import Path

import pytest

from support.command_line import Shoal


@pytest.fixture(autouse=True)
def stored(shoal: Shoal) -> None:
    """`d/a` in two versions, `d/b` deleted, and `e`."""
    Path("source").write_bytes(b"hello")
    for name in ("d/a", "d/a", "d/b", "e"):
        shoal("put", "source", name)
    shoal("rm", "d/b")


def test_whole_bucket_is_counted(shoal: Shoal) -> None:
    assert [line.split() for line in shoal("du").out.splitlines()] == [
        ["objects", "2", "10", "B"],
        ["former", "versions", "2", "10", "B"],
        ["delete", "markers", "1"],
    ]


def test_json_counts_a_prefix(shoal: Shoal) -> None:
    assert shoal("du", "shoal://default/d/", "--json").documents == [
        {
            "bucket": "default",
            "prefix": "d/",
            "objects": 1,
            "object_bytes": 5,
            "former_versions": 2,
            "former_bytes": 10,
            "delete_markers": 1,
        }
    ]


def test_nothing_is_an_honest_answer_and_no_bucket_is_not(shoal: Shoal) -> None:
    assert shoal("du", "nothing/", "--json").documents[0]["objects"] == 0
    assert shoal("du", "shoal://nowhere").code == 3
