"""Every example that users are shown: in the docstrings of both doors, and on the page about them."""

import asyncio
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from textwrap import indent

import pytest

import shoal
from shoal.base import errors
from shoal.testing import Cluster
from support.examples import run_examples

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs/sdk.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

VERBS = sorted(name for name, _ in inspect.getmembers(shoal.aio.Shoal, inspect.isroutine) if not name.startswith("_"))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples write their files to an empty directory."""
    monkeypatch.chdir(tmp_path)


def test_both_doors_have_the_same_verbs() -> None:
    direct = {name for name, _ in inspect.getmembers(shoal.Shoal, inspect.isroutine) if not name.startswith("_")}
    assert direct - {"close"} == set(VERBS)
    assert len(VERBS) == 20


@pytest.mark.parametrize("verb", VERBS)
def test_both_doors_are_asked_in_the_same_way(verb: str) -> None:
    direct, awaited = (inspect.signature(getattr(door, verb)).parameters for door in (shoal.Shoal, shoal.aio.Shoal))
    assert list(direct) == list(awaited)
    for name in direct:
        assert (direct[name].kind, direct[name].default) == (awaited[name].kind, awaited[name].default)


@pytest.fixture(scope="module")
def plain() -> Iterator[Cluster]:
    """A cluster for the examples of the plain door."""
    with Cluster(nodes=1) as found:
        yield found


@pytest.fixture(scope="module")
def later() -> Iterator[Cluster]:
    """A cluster for those of the asynchronous door."""
    with Cluster(nodes=1) as found:
        yield found


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_of_the_plain_door_has_an_example_that_runs(verb: str, plain: Cluster) -> None:
    with plain.connect() as store, asyncio.Runner() as runner:
        assert run_examples(getattr(shoal.Shoal, verb).__doc__, {"store": store, "Path": Path}, runner)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_of_the_asynchronous_door_has_an_example_that_runs(verb: str, later: Cluster) -> None:
    with asyncio.Runner() as runner:
        opening = later.aio()
        names = {"store": runner.run(_entered(opening)), "Path": Path}
        try:
            assert run_examples(getattr(shoal.aio.Shoal, verb).__doc__, names, runner)
        finally:
            runner.run(_left(opening))


async def _entered(opening: AbstractAsyncContextManager[shoal.aio.Shoal]) -> shoal.aio.Shoal:
    return await opening.__aenter__()


async def _left(opening: AbstractAsyncContextManager[shoal.aio.Shoal]) -> None:
    await opening.__aexit__(None, None, None)


def test_each_block_of_the_page_runs_as_a_program(plain: Cluster, tmp_path: Path) -> None:
    assert len(BLOCKS) == 8
    program = "\n".join(f"def block_{number}():\n{indent(block, '    ')}" for number, block in enumerate(BLOCKS))
    calls = "\n".join(f"block_{number}()" for number in range(len(BLOCKS)))
    (tmp_path / "page.py").write_text(f"{program}\n{calls}\n")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SHOAL_")} | plain.environ
    done = subprocess.run(
        [sys.executable, "-W", "error", "page.py"],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "somebody was faster\nthere is no object 'nothing/here'\n")


def test_every_error_can_be_caught_by_its_short_name_and_stands_on_the_page() -> None:
    classes = [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, errors.ShoalError)]
    assert len(classes) > 20
    for each in classes:
        if each is not errors.InvariantBroken:  # a bug: nobody plans for it
            assert getattr(shoal, each.__name__) is each
            assert f"`{each.__name__}`" in PAGE or f"`shoal.{each.__name__}`" in PAGE


def test_every_verb_stands_on_the_page() -> None:
    for verb in VERBS:
        assert re.search(rf"`{verb}[`(]", PAGE), verb


def test_all_public_names_are_there_and_import_nothing_before_they_are_used(tmp_path: Path) -> None:
    program = """
import sys, shoal
assert not [name for name in sys.modules if name.startswith("shoal.")], sys.modules
assert dir(shoal) == sorted(shoal.__all__)
import shoal.aio
for name in shoal.__all__:
    getattr(shoal, name)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, check=True, timeout=60)


USERS_CODE = """
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import assert_type
import asyncio, io, zipfile
import shoal
import shoal.aio


def numbers() -> Iterator[bytes]:
    yield b"1"


async def later() -> AsyncIterator[bytes]:
    yield b"1"


def told(done: int, total: int | None) -> None:
    print(done, total)


with shoal.connect("data", patience=5, parallel=4) as store:
    assert_type(store, shoal.Shoal)
    for source in (b"", bytearray(), Path("a"), io.BytesIO(), open("a", "rb"), numbers(), [b"1"]):
        assert_type(store.put("a", source, progress=told, timeout=5), shoal.ObjectVersion)
    store.put("a", "text")  # type: ignore[arg-type]
    store.put("a", later())  # type: ignore[arg-type]
    assert_type(store.get("a", start=1), bytes)
    assert_type(store.upload("a").version, str)
    assert_type(store.download("a"), shoal.ObjectVersion)
    with open("b", "wb") as out:
        store.get_file("a", out)
    for piece in store.stream("a"):
        assert_type(piece, bytes)
    with store.open("a") as file, zipfile.ZipFile(file) as archive, io.TextIOWrapper(file) as text:
        assert_type(file.size, int)
        assert_type(file.read(5), bytes)
    for found in store.list("a", delimiter="/"):
        assert_type(found, shoal.ObjectVersion)
    assert_type(store.usage("a"), shoal.Usage)
    for bucket in store.list_buckets():
        assert_type(bucket, shoal.BucketInfo)
    try:
        store.delete("a", if_version="v")
    except shoal.NotFound as error:
        assert_type(error, shoal.NotFound)


async def main(reader: asyncio.StreamReader) -> None:
    async with shoal.aio.connect(endpoint="h:1") as store:
        assert_type(store, shoal.aio.Shoal)
        assert_type(await store.put("a", later(), timeout=5), shoal.ObjectVersion)
        await store.put("a", reader)
        await store.put("a", numbers())
        async for piece in store.stream("a"):
            assert_type(piece, bytes)
        async with store.open("a") as file:
            assert_type(file, shoal.aio.ObjectReader)
            assert_type(await file.read(5), bytes)
        async for found in store.versions("a"):
            assert_type(found, shoal.ObjectVersion)
"""


def test_users_code_is_checked_strictly(tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(USERS_CODE)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "snippet.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.stdout == "Success: no issues found in 1 source file\n"
