"""Patterns over names, as shells have them: `*` and `?` stay between two slashes, `**` does not, `[a-z]` and `[!a-z]`
are one character. Case counts. A pattern is about the whole name."""

import re

_SPECIAL = re.compile(r"[*?[]")
_CLASS = re.compile(r"\[(!?)(\]?[^\]]*)\]")


def is_pattern(text: str) -> bool:
    """Whether any character of it stands for others."""
    return _SPECIAL.search(text) is not None


def literal_prefix(pattern: str) -> str:
    """How every name begins that fits."""
    first = _SPECIAL.search(pattern)
    return pattern if first is None else pattern[: first.start()]


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """What `fullmatch`es the names that fit. `**/` is any number of directories, none included; a `[` that nothing
    closes is itself."""
    parts = []
    at = 0
    while at < len(pattern):
        part, width = _translate(pattern, at)
        parts.append(part)
        at += width
    return re.compile("".join(parts), re.DOTALL)


def _translate(pattern: str, at: int) -> tuple[str, int]:
    """The expression for what stands at `at`, and how long that is."""
    match pattern[at]:
        case "*" if pattern.startswith("**/", at) and pattern[at - 1 : at] in ("", "/"):
            return "(?:.*/)?", 3
        case "*" if pattern.startswith("**", at):
            return ".*", 2
        case "*":
            return "[^/]*", 1
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
