"""`shoal undelete`."""

from pathlib import Path

import pytest

from shoal.base.ids import version_text
from support.command_line import Shoal
from support.fake_client import version_id


@pytest.fixture(autouse=True)
def stored(shoal: Shoal) -> None:
    """`a`, deleted."""
    Path("a").write_bytes(b"hello")
    shoal("put", "a")
    shoal("rm", "a")


def test_deleted_object_is_current_again(shoal: Shoal) -> None:
    assert shoal("stat", "a").code == 3
    assert shoal("undelete", "a").out == f"a  version {version_text(version_id(1))}  5 B\n"
    assert shoal("stat", "a").code == 0


def test_json_is_the_version(shoal: Shoal) -> None:
    [document] = shoal("undelete", "a", "--json").documents
    assert (document["key"], document["version"]) == ("a", version_text(version_id(1)))


def test_object_that_is_not_deleted_ends_with_5(shoal: Shoal) -> None:
    shoal("undelete", "a")
    assert shoal("undelete", "a").code == 5


def test_nothing_to_bring_back_ends_with_3(shoal: Shoal) -> None:
    assert shoal("undelete", "b").code == 3
