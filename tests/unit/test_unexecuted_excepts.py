"""The list of handlers that no test executes."""

import ast
from pathlib import Path

from except_probe.sitecustomize import _Marker, is_watched
from unexecuted_excepts import Handler, executed, handlers, verdict

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
    tree = _Marker("disk.py").visit(ast.parse("try:\n    int('x')\nexcept ValueError:\n    done = True\n"))
    names: dict[str, object] = {"__except_was_executed__": told.append}
    exec(compile(ast.fix_missing_locations(tree), "disk.py", "exec"), names)
    assert (told, names["done"]) == (["disk.py:3"], True)


def test_what_processes_told_is_put_together(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("a.py:1\na.py:2\n")
    (tmp_path / "2").write_text("a.py:2\n")
    assert executed(tmp_path) == {"a.py:1", "a.py:2"}


def test_only_the_packages_of_decisions_roles_and_hands_are_watched() -> None:
    assert is_watched("shoal.store.disk")
    assert not is_watched("shoal.app.cli")
    assert not is_watched("shoal")
