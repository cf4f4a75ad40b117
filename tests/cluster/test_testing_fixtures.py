"""The fixtures that Shoal gives to pytest, in runs of their own, and every example of `docs/testing.md`."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from shoal.testing import pytest_plugin

ROOT = Path(__file__).resolve().parent.parent.parent
PLUGIN = pytest_plugin.__name__
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/testing.md").read_text(), re.DOTALL)


def run(directory: Path, *command: str) -> str:
    """What a command said that ended well, and which had only this plugin of pytest's."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SHOAL_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=directory,
        env=environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def run_pytest(directory: Path, *options: str) -> str:
    return run(directory, "-m", "pytest", "-q", "-W", "error", "-p", PLUGIN, "-p", "no:cacheprovider", *options)


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_of_the_documentation_runs(example: str, tmp_path: Path) -> None:
    named = re.match(r"# (\w+\.py)\n", example)
    (tmp_path / (named[1] if named else "example.py")).write_text(example)
    if named and named[1].startswith("test_"):
        assert "2 passed" in run_pytest(tmp_path)
    elif named:
        (tmp_path / "test_nodes.py").write_text(
            "def test(shoal_cluster): assert len(shoal_cluster.running_nodes) == 5\n"
        )
        assert "1 passed" in run_pytest(tmp_path)
    else:
        assert run(tmp_path, "-W", "error", "example.py") == ""


def test_documentation_has_an_example_of_each_kind() -> None:
    assert len(EXAMPLES) == 6


def test_tests_share_the_cluster_and_not_their_buckets(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("""
import pytest

seen = []

@pytest.mark.parametrize("turn", range(3))
def test_it(turn, shoal_cluster, shoal_store, shoal_bucket):
    assert list(shoal_store.list(f"{shoal_bucket}/")) == []
    assert [each.key for each in shoal_store.list()] == ["shared"] * bool(turn)
    shoal_store.put(f"{shoal_bucket}/a", b"x")
    shoal_store.put("shared", b"x")
    seen.append((shoal_cluster, shoal_bucket))
    assert len({found for found, _ in seen}) == 1
    assert len({bucket for _, bucket in seen}) == turn + 1
""")
    assert "3 passed" in run_pytest(tmp_path)


def test_a_run_that_does_not_use_them_imports_nothing_of_shoal(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("""
import sys

def test_it():
    assert {name for name in sys.modules if name.startswith("shoal")} <= {
        "shoal", "shoal.testing", "shoal.testing.pytest_plugin"
    }
    assert not {"apsw", "msgspec", "httptools", "awscrt", "cryptography"} & set(sys.modules)
""")
    assert "1 passed" in run_pytest(tmp_path)


def test_pytest_lists_them_with_what_they_are_for(tmp_path: Path) -> None:
    listed = run_pytest(tmp_path, "--fixtures")
    assert re.search(r"^shoal_cluster \[session scope\].*\n +A real cluster of three nodes", listed, re.MULTILINE)
    assert "shoal_store" in listed
    assert "shoal_bucket" in listed


def test_pytest_finds_them_by_the_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"shoal": PLUGIN}
