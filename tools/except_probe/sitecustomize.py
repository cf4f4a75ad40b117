"""Python imports this at every start while it lies on PYTHONPATH: each `except` of the watched packages tells once
that it was executed.

A handler's first line becomes a call that appends `file:line` to a file of this process, at once, so that a process
which is killed has told too. Only handlers are touched: everything else runs at its own speed. What is compiled is kept
in the directory of the run, for the processes that start later.
"""

import ast
import builtins
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Any

DIRECTORY = "EXCEPT_PROBE_DIR"
"""The variable that names the directory of a run. Not one of SHOAL_...: those are kept from the processes of tests."""

PACKAGES = ("core", "store", "engine", "node", "coordinator", "client", "net", "gateway", "wiring")
MARK = "__except_was_executed__"
TOLD = ".told"


def is_watched(module: str) -> bool:
    """Whether the handlers of a module count."""
    parts = module.split(".")
    return len(parts) > 1 and parts[0] == "shoal" and parts[1] in PACKAGES


class _Marker(ast.NodeTransformer):
    def __init__(self, path: str) -> None:
        self._path = path

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        self.generic_visit(node)
        call = ast.Call(ast.Name(MARK, ast.Load()), [ast.Constant(f"{self._path}:{node.lineno}")], [])
        node.body.insert(0, ast.copy_location(ast.Expr(call), node.body[0]))
        return node


def marked(source: str | bytes, path: str) -> CodeType:
    """What a module compiles to if each of its handlers first calls MARK with its `path:line`."""
    tree = _Marker(path).visit(ast.parse(source, path))
    return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles what is not in the cache of this run: what is cached elsewhere has no marks."""

    def source_to_code(self, data: Any, path: Any) -> CodeType:  # type: ignore[override]  # its bases disagree
        return marked(data, path)


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
    sys.pycache_prefix, sys.dont_write_bytecode = os.path.join(directory, "bytecode"), False
    # Open from the beginning: a test may leave its process no descriptor.
    file = os.open(os.path.join(directory, f"{os.getpid()}{TOLD}"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    told: set[str] = set()

    def mark(place: str) -> None:
        if place not in told:
            told.add(place)
            os.write(file, f"{place}\n".encode())

    setattr(builtins, MARK, mark)
    sys.meta_path.insert(0, _Finder())


if __name__ == "sitecustomize" and (found := os.environ.get(DIRECTORY)):
    _install(found)
