"""The progress line is rewritten on a terminal only."""

import sys

import pytest

from shoal.app.filestore.told import PercentLine


def run(line: PercentLine) -> None:
    for done in (1, 2, 3):
        line.advance(done)
    line.finish()


def test_a_pipe_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    run(PercentLine(3, is_wanted=True))
    assert capsys.readouterr().out == "Progress: 100.00%\n"
    PercentLine(3, is_wanted=True).give_up()
    assert capsys.readouterr().out == ""


def test_a_terminal_sees_each_step(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    run(PercentLine(3, is_wanted=True))
    steps = "".join(f"\rProgress: {text}%" for text in ("33.33", "66.67", "100.00", "100.00"))
    assert capsys.readouterr().out == steps + "\n"
    run(PercentLine(0, is_wanted=True))
    assert capsys.readouterr().out == "\rProgress: 100.00%\n"
    PercentLine(3, is_wanted=True).give_up()
    assert capsys.readouterr().out == "\n"


def test_nobody_sees_what_is_not_wanted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    line = PercentLine(3, is_wanted=False)
    run(line)
    line.give_up()
    assert capsys.readouterr().out == ""
