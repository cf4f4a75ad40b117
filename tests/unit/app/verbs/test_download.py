"""`shoal download` fetches a file, or one version of it, into a file."""

import os
from pathlib import Path

import pytest

from support.command_line import Shoal
from support.fake_files import FakeFiles


@pytest.fixture
def file_id(shoal: Shoal, files: FakeFiles) -> str:
    """A file of two versions, `hello` and `newer`."""
    shoal("upload", "report.txt")
    Path("report.txt").write_bytes(b"newer")
    shoal("upload", "report.txt")
    return files.entries["report.txt"].file_id


def test_a_file_comes_back(shoal: Shoal, file_id: str) -> None:
    told = shoal("download", file_id, "out")
    assert told.out == "✓ Download successful!\n  Saved to: out\n  Size: 5 bytes\n"
    assert Path("out").read_bytes() == b"newer"
    [document] = shoal("download", file_id, "out", "--json").documents
    assert document == {"file_id": file_id, "file": "out", "size": 5}
    assert shoal("download", file_id, "out", "-q").out == ""


def test_a_former_version_comes_back(shoal: Shoal, file_id: str) -> None:
    assert shoal("download", file_id, "out", "--version", "0199b2f0-0000-7000-8000-000000000001").code == 0
    assert Path("out").read_bytes() == b"hello"


def test_what_is_no_file_is_refused(shoal: Shoal, file_id: str) -> None:
    os.mkfifo("pipe")
    for out in ("-", ".", "pipe"):
        told = shoal("download", file_id, out)
        assert told.code == 2
        assert "OUT is a file" in told.err
    assert shoal("download", file_id, "out", "--version", "1").code == 2
    assert shoal("download", "none", "out").code == 3
    assert not Path("out").exists()
