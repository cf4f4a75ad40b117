"""Verbs over a client in memory, in a directory of their own."""

from pathlib import Path

import pytest

from shoal.app import calling
from shoal.app.cli import main
from support.command_line import Shoal, Told
from support.fake_client import FakeClient, call_with


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeClient:
    """What the verbs of this test talk to."""
    fake = FakeClient()
    monkeypatch.setattr(calling, "call_cluster", call_with(fake))
    monkeypatch.chdir(tmp_path)
    return fake


@pytest.fixture
def shoal(client: FakeClient, capfd: pytest.CaptureFixture[str]) -> Shoal:
    """Run one command line."""

    def run(*words: str) -> Told:
        code = main(words)
        told = capfd.readouterr()
        return Told(code, told.out, told.err)

    return run
