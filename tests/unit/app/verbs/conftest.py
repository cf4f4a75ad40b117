"""Verbs over a client in memory, in a directory of their own."""

from pathlib import Path

import pytest

from shoal.app import calling
from shoal.app.cli import main
from shoal.app.filestore import calling as filestore_calling
from support.command_line import Shoal, Told
from support.fake_client import FakeClient, call_with
from support.fake_files import FakeFiles
from support.fake_files import call_with as call_files_with


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


@pytest.fixture
def files(client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> FakeFiles:
    """What the file verbs of this test talk to, in a directory with a file `report.txt`."""
    fake = FakeFiles()
    monkeypatch.setattr(filestore_calling, "call_files", call_files_with(fake))
    Path("report.txt").write_bytes(b"hello")
    return fake
