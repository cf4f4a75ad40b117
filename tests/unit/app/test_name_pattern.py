"""What fits a pattern."""

import random
from functools import cache

import pytest

from shoal.app.name_pattern import compile_pattern, is_pattern, literal_prefix


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        ("photos/*.jpg", ["photos/a.jpg", "photos/.jpg"], ["photos/a/b.jpg", "photos/a.JPG", "photos/a.jpgx", "a.jpg"]),
        ("a?c", ["abc", "a.c", "aüc", "a\nc"], ["ac", "a/c", "abbc"]),
        ("*/x", ["a/x", "/x"], ["x", "a/b/x"]),
        ("a/**", ["a/b", "a/b/c", "a/"], ["a", "b/a/"]),
        ("**/x", ["x", "a/x", "a/b/x"], ["ax", "x/a"]),
        ("a/**/x", ["a/x", "a/b/x", "a/b/c/x"], ["ax", "a/bx", "b/a/x"]),
        ("a**x", ["ax", "a/b/x", "abx"], ["a", "bx"]),
        ("a**/x", ["a/x", "ab/c/x"], ["ax"]),
        ("[a-c]1", ["a1", "c1"], ["d1", "-1", "A1"]),
        ("[!a-c]1", ["d1", "-1"], ["a1", "/1"]),
        ("[]]", ["]"], ["[", "[]]"]),
        ("[!]]", ["a", "["], ["]", "/"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[*]?", ["*a"], ["ab"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("[c-a]", [], ["a", "b", "c", "-"]),
        ("[.-0]", [".", "0"], ["/"]),
        ("a[b", ["a[b"], ["ab", "a"]),
        ("a.b(c)\\d", ["a.b(c)\\d"], ["axb(c)\\d", "a.bc1"]),
    ],
)
def test_pattern_fits_whole_names(pattern: str, fits: list[str], does_not: list[str]) -> None:
    compiled = compile_pattern(pattern)
    assert [name for name in (*fits, *does_not) if compiled.fullmatch(name)] == fits


@pytest.mark.parametrize(
    ("text", "prefix"), [("a/b*c", "a/b"), ("*", ""), ("a[1]", "a"), ("a?", "a"), ("plain/name", "plain/name")]
)
def test_names_are_asked_for_by_what_is_literal(text: str, prefix: str) -> None:
    assert literal_prefix(text) == prefix
    assert is_pattern(text) is (text != prefix)


def test_every_class_compiles() -> None:
    for first in "[]-^\\!&~|/a":
        for second in "[]-^\\!&~|/a":
            assert compile_pattern(f"[{first}{second}-a]") is not None
            assert compile_pattern(f"[!{first}-{second}]").fullmatch("/") is None


@cache
def fits_by_trying(pattern: str, name: str, *, is_after_slash: bool = True) -> bool:
    """The meaning of stars, with every way tried."""
    if not pattern:
        return not name
    if pattern.startswith("**/") and is_after_slash:
        ends = [at + 1 for at, char in enumerate(name) if char == "/"]
        return any(fits_by_trying(pattern[3:], name[end:]) for end in (0, *ends))
    if pattern.startswith("*"):
        width = 2 if pattern.startswith("**") else 1
        reach = len(name) if width == 2 else len(name.partition("/")[0])
        rest = pattern[width:]
        return any(fits_by_trying(rest, name[end:], is_after_slash=False) for end in range(reach + 1))
    if not name or (name[0] == "/" if pattern[0] == "?" else name[0] != pattern[0]):
        return False
    return fits_by_trying(pattern[1:], name[1:], is_after_slash=pattern[0] == "/")


def test_stars_mean_the_same_as_when_every_way_is_tried() -> None:
    rng = random.Random(7)
    hits = 0
    for _ in range(500):
        pattern = "".join(rng.choices(("a", "b", "/", "*", "**", "**/", "?"), k=rng.randrange(1, 8)))
        compiled = compile_pattern(pattern)
        for _ in range(4):
            name = "".join(rng.choices("ab/", k=rng.randrange(1, 9)))
            expected = fits_by_trying(pattern, name)
            assert bool(compiled.fullmatch(name)) == expected, (pattern, name)
            hits += expected
    assert hits > 100


@pytest.mark.parametrize("pattern", ["*-*-*-*-*-*-*-*.jpg", "**-**-**-**-**-**.jpg", "*-*-*-*-*/**-*.jpg"])
def test_long_name_that_almost_fits_takes_no_time(pattern: str) -> None:
    assert compile_pattern(pattern).fullmatch("-" * 1000 + "/" + "-" * 23) is None
    assert compile_pattern(pattern).fullmatch("-" * 1024) is None
