"""Python imports this at every start while it lies on PYTHONPATH: each `except` of the watched packages tells once
that it was executed.

A handler's first line becomes a call that appends `file:line` to a file of this process, at once, so that a process
which is killed has told too. Only handlers are touched: everything else runs at its own speed.
"""

import ast
import builtins
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

DIRECTORY = "SHOAL_EXCEPTS_DIR"
PACKAGES = ("core", "store", "engine", "node", "coordinator", "client")
_MARK = "__except_was_executed__"


def is_watched(module: str) -> bool:
    """Whether the handlers of a module count."""
    parts = module.split(".")
    return len(parts) > 1 and parts[0] == "shoal" and parts[1] in PACKAGES


class _Marker(ast.NodeTransformer):
    def __init__(self, path: str) -> None:
        self._path = path

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        self.generic_visit(node)
        call = ast.Call(ast.Name(_MARK, ast.Load()), [ast.Constant(f"{self._path}:{node.lineno}")], [])
        node.body.insert(0, ast.copy_location(ast.Expr(call), node.body[0]))
        return node


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles from the source, always: what is cached has no marks."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = _Marker(path).visit(ast.parse(self.get_data(path), path))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not is_watched(fullname):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if (
            spec is not None
            and spec.origin is not None
            and isinstance(spec.loader, importlib.machinery.SourceFileLoader)
        ):
            spec.loader = _Loader(fullname, spec.origin)
        return spec


def _install(directory: str) -> None:
    told: set[str] = set()

    def mark(place: str) -> None:
        if place not in told:
            told.add(place)
            with (Path(directory) / str(os.getpid())).open("a") as file:
                file.write(f"{place}\n")

    setattr(builtins, _MARK, mark)
    sys.meta_path.insert(0, _Finder())


if found := os.environ.get(DIRECTORY):
    _install(found)
