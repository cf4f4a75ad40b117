"""`shoal list` numbers files, the newest first."""

from pathlib import Path

import pytest

from support.command_line import Shoal
from support.fake_files import FakeFiles


def test_no_files_are_said_to_be_none(shoal: Shoal, files: FakeFiles) -> None:
    assert shoal("list").out == "No files found\n"
    assert shoal("list", "--json").out == ""
    assert shoal("list", "-q").out == ""


def test_files_are_numbered_newest_first(shoal: Shoal, files: FakeFiles) -> None:
    shoal("upload", "report.txt")
    Path("empty").write_bytes(b"")
    shoal("upload", "empty")
    assert shoal("list").out == (
        "Files (Total: 2)\n"
        "1. empty\n"
        f"   ID: {files.entries['empty'].file_id}\n"
        "   Size: 0 bytes\n"
        "   Created: 2025-10-09T08:53:22Z\n"
        "   Replicas: []\n"
        "2. report.txt\n"
        f"   ID: {files.entries['report.txt'].file_id}\n"
        "   Size: 5 bytes\n"
        "   Created: 2025-10-09T08:53:21Z\n"
        "   Replicas: [node-2 node-1]\n"
    )
    assert shoal("list", "--skip", "1", "--limit", "1").out.splitlines()[:2] == ["Files (Total: 2)", "2. report.txt"]
    assert [entry["filename"] for entry in shoal("list", "--json").documents] == ["empty", "report.txt"]


def test_a_name_obeys_no_terminal(shoal: Shoal, files: FakeFiles) -> None:
    shoal("upload", "report.txt")
    files.rename("report.txt", "a\x1b[2J\nb")
    assert "1. a\\x1b[2J\\nb\n" in shoal("list").out


@pytest.mark.parametrize("words", [["--limit", "0"], ["--limit", "100001"], ["--skip", "-1"], ["extra"]])
def test_what_no_list_can_be_is_refused(shoal: Shoal, files: FakeFiles, words: list[str]) -> None:
    told = shoal("list", *words)
    assert (told.code, told.err.count("\n")) == (2, 1)
