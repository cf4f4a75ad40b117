"""Which `except` clauses of decisions, roles, hands, faces and wiring no test executes.

`python tools/unexecuted_excepts.py` runs the whole test suite and lists them; arguments are given to pytest instead of
`tests`. `--told DIRECTORY` runs nothing: it judges by what the suites left there that `tools/check.py` has run. Error
handling that never ran is where distributed systems fail (Yuan et al., OSDI 2014). The exit code is 1 if there are any
but those in `tests/unexecuted_excepts.toml`, which gives the reason for each and may only shrink.
"""

import ast
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from except_probe.sitecustomize import DIRECTORY, PACKAGES, TOLD

ROOT = Path(__file__).resolve().parent.parent
PROBE = ROOT / "tools" / "except_probe"
EXCUSES = ROOT / "tests" / "unexecuted_excepts.toml"


@dataclass(frozen=True, slots=True)
class Handler:
    """One except clause. `name` says where it is in words that survive an edit above it."""

    path: str
    line: int
    name: str
    text: str


def handlers(root: Path) -> Iterator[Handler]:
    """All of the watched packages, in order."""
    for package in PACKAGES:
        for file in sorted((root / "src" / "shoal" / package).rglob("*.py")):
            source = file.read_text("utf-8")
            lines, path = source.splitlines(), file.relative_to(root).as_posix()
            for line, scope in _clauses(ast.parse(source), ""):
                text = lines[line - 1].strip()
                yield Handler(path, line, f"{path}::{scope}: {text}", text)


def _clauses(node: ast.AST, scope: str) -> Iterator[tuple[int, str]]:
    for child in ast.iter_child_nodes(node):
        inner = scope
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{scope}.{child.name}" if scope else child.name
        if isinstance(child, ast.ExceptHandler):
            yield child.lineno, scope
        yield from _clauses(child, inner)


def environment(directory: Path) -> dict[str, str]:
    """What a pytest must find in its environment, so that it and all processes below it tell in `directory`."""
    path = os.pathsep.join(filter(None, (str(PROBE), os.environ.get("PYTHONPATH"))))
    options = f"{os.environ.get('PYTEST_ADDOPTS', '')} -p first_in_line".lstrip()
    return {"PYTHONPATH": path, "PYTEST_ADDOPTS": options, DIRECTORY: str(directory)}


def executed(directory: Path) -> set[str]:
    """The places that were told, as `file:line`."""
    return {place for file in directory.glob(f"*{TOLD}") for place in file.read_text("utf-8").split()}


def verdict(
    root: Path, found: list[Handler], *, told: set[str], excuses: Mapping[str, str]
) -> tuple[list[Handler], list[str]]:
    """What no test executes and nobody excuses; and excuses that are not needed."""
    silent = [handler for handler in found if f"{root / handler.path}:{handler.line}" not in told]
    names = {handler.name for handler in silent}
    return [handler for handler in silent if handler.name not in excuses], [
        name for name in excuses if name not in names
    ]


def judge(directory: Path) -> int:
    """Print what is wrong, and the sum of it; the exit code."""
    found = list(handlers(ROOT))
    excuses = tomllib.loads(EXCUSES.read_text("utf-8")) if EXCUSES.exists() else {}
    unexcused, idle = verdict(ROOT, found, told=executed(directory), excuses=excuses)
    for handler in unexcused:
        print(f"{handler.path}:{handler.line}: {handler.name.partition('::')[2]}")
    for name in idle:
        print(f"{EXCUSES.name}: {name}: executed by a test, or gone: remove it")
    print(f"{len(found)} handlers, {len(unexcused)} that no test executes, {len(excuses)} excused")
    return 1 if unexcused or idle else 0


def main(arguments: list[str]) -> int:
    """The exit code."""
    if arguments[:1] == ["--told"]:
        return judge(Path(arguments[1]))
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pytest", "-q", *(arguments or ["tests"])]
        tests = subprocess.run(command, cwd=ROOT, env=os.environ | environment(Path(directory)), check=False)
        return judge(Path(directory)) or tests.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
