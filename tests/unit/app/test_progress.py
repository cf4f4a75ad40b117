"""A bar only where somebody sees it, and only when it is worth it."""

import io

import pytest

from shoal.app import progress
from shoal.app.progress import TransferBar


class Terminal(io.StringIO):
    """A screen that remembers."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make standard error a terminal, from within the test: pytest puts its own there when the test begins."""
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    return screen


def test_short_transfer_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with TransferBar("a", is_wanted=True) as bar:
        bar.advance(100)
    assert screen.getvalue() == ""


def test_long_transfer_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setattr(progress, "_SHOW_AFTER_S", -1.0)
    with TransferBar("a [b]\n", is_wanted=True) as bar:
        bar.total = 1 << 20
        bar.advance(1 << 19)
    shown = screen.getvalue()
    assert "a [b]\\n" in shown
    assert "1.0 MiB" in shown


def test_total_may_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setattr(progress, "_SHOW_AFTER_S", -1.0)
    with TransferBar("a", is_wanted=True) as bar:
        bar.advance(1 << 19)
    assert "a" in screen.getvalue()


def test_unwanted_bar_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setattr(progress, "_SHOW_AFTER_S", -1.0)
    with TransferBar("a", is_wanted=False) as bar:
        bar.advance(1)
    assert screen.getvalue() == ""


def test_no_terminal_shows_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SHOW_AFTER_S", -1.0)
    with TransferBar("a", is_wanted=True) as bar:
        bar.advance(1)
    assert capsys.readouterr().err == ""


def test_shares_of_several_transfers_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setattr(progress, "_SHOW_AFTER_S", -1.0)
    with TransferBar("a", is_wanted=True) as bar:
        bar.total = 1 << 20
        one, other = bar.share(), bar.share()
        one(1 << 18)
        other(1 << 18)
        one(1 << 19)
        other(1 << 19)
    assert "1.0/1.0 MiB" in screen.getvalue()


def test_line_is_told_with_and_without_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setattr(progress, "_SHOW_AFTER_S", -1.0)
    with TransferBar("a", is_wanted=True) as bar:
        bar.tell("first [b]")
        bar.advance(1)
        bar.tell("second [b]")
    assert screen.getvalue().startswith("first [b]\n")
    assert "second [b]" in screen.getvalue()
