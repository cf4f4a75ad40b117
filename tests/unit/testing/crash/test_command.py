"""The command: a verdict in its last line and in its exit code."""

import pytest

from shoal.testing.crash.command import main
from shoal.testing.sim.file import SimFile


async def unsynced(_file: SimFile) -> None:
    """A sync that does nothing."""


def test_a_kept_promise_is_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--states", "30"]) == 0
    assert "30 states of" in (said := capsys.readouterr().out)
    assert said.endswith("seed 0: every promise was kept\n")


def test_a_broken_promise_is_named_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimFile, "fdatasync", unsynced)
    assert main(["--states", "800", "--length", "1"]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("broken: store:")
    state = first.split(": ")[1]
    assert main(["--replay", state]) == 1
    monkeypatch.undo()
    assert main(["--replay", state]) == 2, "with the syncs back there is less that a cut could choose from"
    assert "of another state" in capsys.readouterr().out


def test_a_state_that_keeps_its_promise_is_exit_code_0() -> None:
    assert main(["--replay", "store-and-catalog:put@12:"]) == 0


def test_a_state_that_is_none_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--replay", "store"]) == 2
    assert "looks like" in capsys.readouterr().out
