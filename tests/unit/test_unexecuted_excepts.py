"""The list of handlers that no test executes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from except_probe.sitecustomize import is_watched, marked
from unexecuted_excepts import Handler, environment, executed, handlers, verdict

SOURCE = """
class Store:
    def read(self):
        try:
            return 1
        except ValueError:
            return 2

try:
    pass
except (OSError, KeyError) as exc:
    raise
"""


def found_in(tmp_path: Path) -> list[Handler]:
    package = tmp_path / "src" / "shoal" / "store"
    package.mkdir(parents=True)
    (package / "disk.py").write_text(SOURCE)
    return list(handlers(tmp_path))


def test_every_clause_is_found_with_the_function_that_it_is_in(tmp_path: Path) -> None:
    assert [(each.line, each.name) for each in found_in(tmp_path)] == [
        (6, "src/shoal/store/disk.py::Store.read: except ValueError:"),
        (11, "src/shoal/store/disk.py::: except (OSError, KeyError) as exc:"),
    ]


def test_what_was_told_or_is_excused_is_not_listed(tmp_path: Path) -> None:
    first, second = found_in(tmp_path)
    assert verdict(tmp_path, [first, second], told=set(), excuses={}) == ([first, second], [])
    told = {f"{tmp_path}/src/shoal/store/disk.py:6"}
    assert verdict(tmp_path, [first, second], told=told, excuses={}) == ([second], [])
    assert verdict(tmp_path, [first, second], told=told, excuses={second.name: "why"}) == ([], [])


def test_an_excuse_that_is_not_needed_is_listed(tmp_path: Path) -> None:
    first, second = found_in(tmp_path)
    told = {f"{tmp_path}/{each.path}:{each.line}" for each in (first, second)}
    excuses = {first.name: "why", "gone": "why"}
    assert verdict(tmp_path, [first, second], told=told, excuses=excuses) == ([], [first.name, "gone"])


def test_a_marked_handler_tells_its_line_and_then_does_its_work() -> None:
    told: list[str] = []
    names: dict[str, object] = {"__except_was_executed__": told.append}
    exec(marked("try:\n    int('x')\nexcept ValueError:\n    done = True\n", "disk.py"), names)
    assert (told, names["done"]) == (["disk.py:3"], True)


KILLED = """
import os, signal, subprocess, sys
import shoal.store.disk
if sys.argv[1:]:
    os.kill(os.getpid(), signal.SIGKILL)
subprocess.run([sys.executable, "-c", sys.orig_argv[2], "child"])
os.kill(os.getpid(), signal.SIGKILL)
"""
TELLING = """
try:
    int("x")
except ValueError:
    told = True
"""


def test_a_process_that_is_killed_has_told_and_so_have_its_children(tmp_path: Path) -> None:
    package, directory = tmp_path / "shoal" / "store", tmp_path / "told"
    package.mkdir(parents=True)
    directory.mkdir()
    for name, source in (("../__init__", ""), ("__init__", SOURCE), ("disk", TELLING)):
        (package / f"{name}.py").write_text(source)
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env=environment(directory), check=False)
    assert done.returncode == -signal.SIGKILL
    assert executed(directory) == {f"{package}/disk.py:4"}
    assert len(list(directory.glob("*.told"))) == 2
    assert list(directory.rglob("disk.*.pyc")), "the second process found it compiled"
    assert not (package / "__pycache__").exists()


def test_pytest_is_told_to_load_the_probe_beside_what_it_is_told_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
    monkeypatch.setenv("PYTHONPATH", "/mine")
    names = environment(tmp_path)
    assert names["PYTEST_ADDOPTS"] == "-x -p first_in_line"
    assert names["PYTHONPATH"].endswith(f"except_probe{os.pathsep}/mine")
    assert not any(name.startswith("SHOAL") for name in names), "those are kept from the processes of tests"


def test_what_processes_told_is_put_together(tmp_path: Path) -> None:
    (tmp_path / "1.told").write_text("a.py:1\na.py:2\n")
    (tmp_path / "2.told").write_text("a.py:2\n")
    assert executed(tmp_path) == {"a.py:1", "a.py:2"}


def test_only_the_packages_of_decisions_roles_hands_and_faces_are_watched() -> None:
    assert is_watched("shoal.store.disk")
    assert is_watched("shoal.wiring.env.disk")
    assert not is_watched("shoal.app.cli")
    assert not is_watched("shoal")
