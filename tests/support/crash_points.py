"""Which crash points the source has, and which process passes each: a new one is found by itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import shoal

_PROCESS_OF = {"coordinator": "coordinator", "engine": "coordinator", "node": "node", "store": "node"}
"""Packages that have crash points. A package that is new here must say whose it is."""


def crash_points() -> dict[str, list[str]]:
    """The points by process, `coordinator` or `node`, in the order of their names."""
    found: dict[str, list[str]] = {"coordinator": [], "node": []}
    for package, point in sorted(_all_points(Path(shoal.__file__).parent)):
        found[_PROCESS_OF[package]].append(point)
    return found


def _all_points(source: Path) -> Iterator[tuple[str, str]]:
    """Package and name of each; the simulator passes none, it carries them out."""
    for path in sorted(source.rglob("*.py")):
        package = path.relative_to(source).parts[0]
        if package != "testing":
            for point in _points_of(ast.parse(path.read_bytes())):
                yield package, point


def _points_of(tree: ast.AST) -> Iterator[str]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _is_crashpoint(call.func):
            (name,) = call.args
            yield str(ast.literal_eval(name))


def _is_crashpoint(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr.lstrip("_") == "crashpoint"
