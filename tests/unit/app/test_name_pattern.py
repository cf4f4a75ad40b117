"""What fits a pattern."""

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
