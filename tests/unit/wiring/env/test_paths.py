"""Paths stay below the root."""

import pytest

from shoal.base.errors import InvariantBroken
from shoal.wiring.env.paths import parent_path, path_parts


def test_a_path_is_its_names_outermost_first() -> None:
    assert path_parts("") == ()
    assert path_parts("a/b c/..d") == ("a", "b c", "..d")


@pytest.mark.parametrize("path", ["/", "/a", "a/", "a//b", ".", "a/.", "..", "a/../b", "a\0b"])
def test_a_path_that_could_leave_the_disk_is_a_bug(path: str) -> None:
    with pytest.raises(InvariantBroken):
        path_parts(path)


def test_the_parent_of_a_top_name_is_the_root() -> None:
    assert [parent_path(path) for path in ("a", "a/b", "a/b/c")] == ["", "a", "a/b"]
