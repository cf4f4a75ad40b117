"""Patterns over names, as shells have them: `*` and `?` stay between two slashes, `**` does not, `[a-z]` and `[!a-z]`
are one character. Case counts. A pattern is about the whole name."""

import re
from collections.abc import Iterator

_SPECIAL = re.compile(r"[*?[]")
_CLASS = re.compile(r"\[(!?)(\]?[^\]]*)\]")
_WITHIN, _ACROSS, _DIRECTORIES = "[^/]*", ".*", "(?:.*/)?"


def is_pattern(text: str) -> bool:
    """Whether any character of it stands for others."""
    return _SPECIAL.search(text) is not None


def literal_prefix(pattern: str) -> str:
    """How every name begins that fits."""
    first = _SPECIAL.search(pattern)
    return pattern if first is None else pattern[: first.start()]


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """What `fullmatch`es the names that fit. `**/` is any number of directories, none included; a `[` that nothing
    closes is itself.

    Cost: linear in the length of a name; for each `**` that has a `*` behind it, that many times as much.
    """
    expressions: list[str] = []
    gap, fixed = "", ""
    for part, is_gap in _parts(pattern):
        if is_gap:
            expressions.append(_joined(gap, fixed, before=part))
            gap, fixed = part, ""
        else:
            fixed += part
    return re.compile("".join((*expressions, gap, fixed)), re.DOTALL)


def _joined(gap: str, fixed: str, *, before: str) -> str:
    """A gap and what follows it, up to the next gap. Where that one may be as wide, the first place that fits is as
    good as any other, so no other is tried: else a few stars over a long name would take for ever."""
    if gap == _WITHIN or (gap == _ACROSS and before == _ACROSS):
        return f"(?>{gap}?{fixed})"
    return gap + fixed


def _parts(pattern: str) -> Iterator[tuple[str, bool]]:
    """Expressions in order, and whether each is a gap of any width."""
    at = 0
    while at < len(pattern):
        part, width = _translate(pattern, at)
        yield part, part in (_WITHIN, _ACROSS, _DIRECTORIES)
        at += width


def _translate(pattern: str, at: int) -> tuple[str, int]:
    """The expression for what stands at `at`, and how long that is."""
    match pattern[at]:
        case "*" if pattern.startswith("**/", at) and pattern[at - 1 : at] in ("", "/"):
            return _DIRECTORIES, 3
        case "*" if pattern.startswith("**", at):
            return _ACROSS, 2
        case "*":
            return _WITHIN, 1
        case "?":
            return "[^/]", 1
        case "[" if found := _CLASS.match(pattern, at):
            return _one_of(found[2], is_negated=bool(found[1])), len(found[0])
        case char:
            return re.escape(char), 1


def _one_of(text: str, *, is_negated: bool) -> str:
    """A class of characters, never a slash. A range that runs backwards has nothing in it."""
    members = []
    at = 0
    while at < len(text):
        if text[at + 1 : at + 2] == "-" and at + 2 < len(text):
            low, high = text[at], text[at + 2]
            members += [f"{re.escape(low)}-{re.escape(high)}"] if low <= high else []
            at += 3
        else:
            members.append(re.escape(text[at]))
            at += 1
    if not members:
        return "[^/]" if is_negated else "(?!)"
    return f"(?!/)[{'^' if is_negated else ''}{''.join(members)}]"
