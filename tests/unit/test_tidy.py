"""The repository is tidy, and each rule of `tools/tidy.py` fires on what it is there to find."""

from pathlib import Path

import pytest

import tidy
from tidy import Finding, Module

ROOT = Path(__file__).resolve().parent.parent.parent
ROLE = "src/shoal/node/driver.py"


def rules_broken(source: str, path: str = ROLE) -> set[str]:
    """The rules that a file with this source would break, its unit test aside."""
    module = Module(path, f'"""A module."""\n{source}')
    return {finding.rule for rule in tidy.RULES for finding in rule(module)}


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_repository_is_tidy() -> None:
    assert tidy.verdict(ROOT) == []


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ("clock", "import time\nnow = time.monotonic()"),
        ("clock", "from time import time_ns as now"),
        ("clock", "from datetime import datetime\nnow = datetime.now()"),
        ("clock", "import datetime as dt\ntoday = dt.date.today()"),
        ("randomness", "import random\nx = random.random()"),
        ("randomness", "import random\nx = random.Random(7)"),
        ("randomness", "from uuid import uuid4"),
        ("randomness", "import os\nkey = os.urandom(8)"),
        ("randomness", "import secrets\nkey = secrets.token_bytes(8)"),
        ("disk", "data = open('x').read()"),
        ("disk", "from os import path as p\nhome = p.expanduser('~')"),
        ("disk", "import mmap\nview = mmap.mmap(-1, 8)"),
        ("disk", "from pathlib import Path\nPath('x').write_bytes(b'')"),
        ("threads", "import asyncio\nasync def _f(): await asyncio.to_thread(len)"),
        ("threads", "async def _f(loop): await loop.run_in_executor(None, len)"),
        ("threads", "from concurrent.futures import ThreadPoolExecutor"),
        ("processes", "import subprocess\nsubprocess.run(['true'])"),
        ("tasks", "import asyncio\nasync def _f(g): asyncio.create_task(g())"),
        ("tasks", "import asyncio\nasync def _f(g): asyncio.get_running_loop().create_task(g())"),
        ("tasks", "def _f(loop, g): loop.create_task(g())"),
        ("tasks", "class _C:\n    def f(self, g): self._loop.create_task(g())"),
        ("tasks", "from asyncio import ensure_future"),
        ("wait_for", "import asyncio\nasync def _f(g): await asyncio.wait_for(g, 1)"),
        ("print", "print('hello')"),
        ("assert", "def _f(x): assert x"),
        ("catch_all", "try: x = 1\nexcept Exception: x = 2"),
        ("catch_all", "try: x = 1\nexcept (ValueError, BaseException): x = 2"),
        ("catch_all", "try: x = 1\nexcept: x = 2"),
        ("catch_all", "try: x = 1\nexcept Exception as exc: raise ValueError from exc"),
        ("docstring", "def serve() -> None: ..."),
        ("docstring", "class Driver: ..."),
        ("name", "class _AbstractDriver: ..."),
        ("name", "class _ChunkManager: ..."),
        ("positional", "def _f(a, b, c, d): ..."),
        ("positional", "class _C:\n    def f(self, a, b, c, d): ..."),
        ("positional_bool", "def _f(a, force=False): ..."),
        ("function_lines", "def _f():\n" + "    x = 1\n" * 60),
        ("module_lines", "x = 1\n" * 600),
    ],
)
def test_rule_fires(rule: str, source: str) -> None:
    assert rules_broken(source) == {rule}


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio\nasync def _f(group, g):\n    async with asyncio.timeout(1): group.create_task(g())",
        "async def _f(env): return await env.disk.open('x')",
        "def _f(env, secrets): return env.clock.time.now(), secrets.token(8)",
        "try: x = 1\nexcept BaseException:\n    x = 2\n    raise",
        "class _C:\n    def f(self, a, b, c, *, d, force=False): ...",
        "class _C:\n    @staticmethod\n    def f(a, b, c): ...",
        'def _f():\n    """' + "\n" * 60 + '"""\n' + "    x = 1\n" * 40,
        "x = 1\n" * 599,
    ],
)
def test_sound_code_passes(source: str) -> None:
    assert rules_broken(source) == set()


@pytest.mark.parametrize("stem", ["utils", "helper", "common", "misc"])
def test_file_name_that_says_nothing_is_refused(stem: str) -> None:
    assert rules_broken("x = 1", f"src/shoal/core/{stem}.py") == {"name"}


def test_module_without_docstring_is_refused() -> None:
    assert [each.rule for each in tidy.check_docstrings(Module("bench/run.py", "x = 1\n"))] == ["docstring"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("src/shoal/app/cli.py", "import time\nat = time.time()"),
        ("src/shoal/testing/sim/dice.py", "import random\nx = random.Random(7).random()"),
        ("src/shoal/wiring/env/disk.py", "import os\nx = os.urandom(8), os.getpid()"),
        ("tests/unit/node/test_driver.py", "def test_f(a, b, c, d): assert open(a)"),
    ],
)
def test_place_that_may_touch_the_world_is_let_through(path: str, source: str) -> None:
    assert rules_broken(source, path) == set()


def test_module_with_logic_wants_its_own_test_file(tmp_path: Path) -> None:
    module = Module(ROLE, "def f() -> int:\n    return 1\n")

    assert [each.rule for each in tidy.check_mirror(module, tmp_path)] == ["mirror"]
    write(tmp_path, "tests/unit/node/test_driver.py", "")
    assert list(tidy.check_mirror(module, tmp_path)) == []


@pytest.mark.parametrize(
    "source",
    [
        "class Port(Protocol):\n    def f(self) -> int:\n        'A contract.'\n        ...",
        "class Record(Struct):\n    x: int",
        "LIMIT = 3",
    ],
)
def test_module_without_logic_wants_no_test_file(source: str, tmp_path: Path) -> None:
    assert list(tidy.check_mirror(Module(ROLE, source), tmp_path)) == []


@pytest.mark.parametrize("word", ["see /wor" + "k/x", "'/ro" + "ot/x'", "(/home/" + "me/x)", "https://pyp" + "i.org/x"])
def test_path_of_a_machine_and_registry_host_are_found(word: str) -> None:
    assert [each.line for each in tidy.check_words("README.md", f"Shoal\n{word}\n")] == [2]


def test_relative_path_is_no_machine_path() -> None:
    assert list(tidy.check_words("README.md", "src/work/x and shoal.net/work/x")) == []


def test_caches_and_environments_are_not_read(tmp_path: Path) -> None:
    for path in (".venv/x.py", "src/shoal/node/__pycache__/x.py", ".ci/run", "src/shoal/node/driver.py"):
        write(tmp_path, path, "x = 1\n")

    assert [file.relative_to(tmp_path).as_posix() for file in tidy.files(tmp_path)] == [
        ".ci/run",
        "src/shoal/node/driver.py",
    ]
    assert [each.rule for each in tidy.findings(tmp_path)] == ["docstring"]


LONG = Finding("module_lines", "src/shoal/node/driver.py", 1, "700 lines", 700)
SLEEPY = Finding("clock", "src/shoal/wiring/env.py", 9, "`time.monotonic`")


@pytest.mark.parametrize(
    ("found", "limits", "is_tidy"),
    [
        ([LONG], {}, False),
        ([LONG], {"module_lines": {LONG.place: 699}}, False),
        ([LONG], {"module_lines": {LONG.place: 700}}, True),
        ([LONG], {"module_lines": {LONG.place: 701}}, False),
        ([], {"module_lines": {LONG.place: 700}}, False),
        ([SLEEPY], {}, False),
        ([SLEEPY], {"randomness": {SLEEPY.place: "wrong rule"}}, False),
        ([SLEEPY], {"clock": {SLEEPY.place: "the real clock"}}, True),
        ([], {"clock": {SLEEPY.place: "the real clock"}}, False),
    ],
)
def test_limit_holds_and_may_only_shrink(found: list[Finding], limits: tidy.Limits, is_tidy: bool) -> None:
    assert (tidy.judge(found, limits) == []) is is_tidy


def test_shrinking_removes_and_lowers_and_never_adds() -> None:
    text = f"""# Words.

[module_lines]
"{LONG.place}" = 701
"src/shoal/gone.py" = 900

[clock]
"{LONG.place}" = "a reason"
"""

    assert tidy.shrink(text, [LONG, SLEEPY]) == text.replace("701", "700").replace(
        '"src/shoal/gone.py" = 900\n', ""
    ).replace(f'"{LONG.place}" = "a reason"\n', "")


def test_size_over_its_limit_is_not_raised_by_shrinking() -> None:
    text = f'[module_lines]\n"{LONG.place}" = 650\n'

    assert tidy.shrink(text, [LONG]) == text


def test_owed_test_is_let_through(tmp_path: Path) -> None:
    assert tidy.absent_suites({"mirror": {ROLE: tidy.OWED}}, tmp_path) == []


def test_covering_suite_must_exist(tmp_path: Path) -> None:
    limits = {"mirror": {ROLE: "tests/contract/test_x.py"}}

    assert len(tidy.absent_suites(limits, tmp_path)) == 1
    write(tmp_path, "tests/contract/test_x.py", "")
    assert tidy.absent_suites(limits, tmp_path) == []
