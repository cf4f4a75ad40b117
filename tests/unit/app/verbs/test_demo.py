"""`shoal demo`: its arguments, and what it leaves behind. The story itself is told in `tests/cluster/test_demo.py`."""

import asyncio
import os
import signal
import tempfile
from pathlib import Path

import pytest

from shoal.app.verbs import demo as verb
from shoal.base.errors import NodeUnreachable
from support.command_line import Shoal


class Stage:
    """Where the demo would have played: the file it had, and how it ends."""

    def __init__(self) -> None:
        self.files: list[tuple[Path, int]] = []
        self.ending = self.well

    async def play(self, work: Path, file: Path, *, is_debug: bool) -> None:
        self.files.append((file, os.stat(file).st_size))
        (work / "data").mkdir()
        await self.ending()

    async def well(self) -> None:
        """Nothing happens."""

    async def badly(self) -> None:
        raise NodeUnreachable("a node went away")

    async def terminated(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(10)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    made = Stage()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(verb, "_demo", made.play)
    return made


def test_a_file_is_generated_when_none_is_given(shoal: Shoal, stage: Stage, tmp_path: Path) -> None:
    assert shoal("demo", "--size", "3KiB").code == 0
    ((file, size),) = stage.files
    assert size == 3 * 1024
    assert file.is_relative_to(tmp_path / "tmp")
    assert os.listdir(tmp_path / "tmp") == []


def test_a_file_that_is_given_is_used_where_it_lies_and_kept(shoal: Shoal, stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"abc")
    assert shoal("demo", "mine").code == 0
    assert stage.files == [(tmp_path / "mine", 3)]
    assert (tmp_path / "mine").read_bytes() == b"abc"
    assert os.listdir(tmp_path / "tmp") == []


@pytest.mark.parametrize(("ending", "code"), [("badly", 6), ("terminated", 130)])
def test_nothing_is_left_when_it_ends_otherwise(
    shoal: Shoal, stage: Stage, tmp_path: Path, ending: str, code: int
) -> None:
    stage.ending = getattr(stage, ending)
    told = shoal("demo", "--size", "1")
    assert told.code == code
    assert told.err.count("\n") == 1
    assert "bug" not in told.err
    assert os.listdir(tmp_path / "tmp") == []


@pytest.mark.parametrize(
    ("words", "code"), [(("nothing",), 3), ((".",), 3), (("--size", "much"), 2), (("--size", "-1"), 2), (("a", "b"), 2)]
)
def test_what_cannot_be_is_refused(
    shoal: Shoal, stage: Stage, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    told = shoal("demo", *words)
    assert told.code == code
    assert told.err.count("\n") == 1
    assert stage.files == []
    assert os.listdir(tmp_path / "tmp") == []
