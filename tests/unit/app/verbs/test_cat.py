"""`shoal cat`."""

from pathlib import Path

import pytest

from shoal.base.ids import version_text
from support.command_line import Shoal
from support.fake_client import version_id


@pytest.fixture(autouse=True)
def stored(shoal: Shoal) -> None:
    """`a` in two versions, and `b`."""
    for name, content in (("a", b"old\n"), ("a", b"hello\n"), ("b", b"world\n")):
        Path("source").write_bytes(content)
        shoal("put", "source", name)


def test_objects_come_one_after_another_and_nothing_else(shoal: Shoal) -> None:
    assert shoal("cat", "a", "b", "a").out == "hello\nworld\nhello\n"


def test_former_version_is_read(shoal: Shoal) -> None:
    assert shoal("cat", "a", "--version", version_text(version_id(1))).out == "old\n"


def test_what_comes_before_a_missing_one_is_written(shoal: Shoal) -> None:
    told = shoal("cat", "a", "nothing", "b")
    assert (told.code, told.out) == (3, "hello\n")
    assert told.err == "shoal: there is no object 'nothing'\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "Missing argument"),
        (["a", "--json"], "cannot both go to standard output"),
        (["a", "b", "--version", version_text(version_id(1))], "a single NAME"),
        (["a", ""], "a name is empty"),
    ],
)
def test_wrong_usage_writes_nothing(shoal: Shoal, words: list[str], says: str) -> None:
    told = shoal("cat", *words)
    assert (told.code, told.out) == (2, "")
    assert says in told.err
