"""`shoal upload` prints what scripts read, and refuses what is no file."""

from pathlib import Path

import pytest

from shoal.base.errors import QuorumNotReached
from support.command_line import Shoal
from support.fake_files import FakeFiles


def test_the_lines_are_those_that_scripts_read(shoal: Shoal, files: FakeFiles) -> None:
    told = shoal("upload", "report.txt")
    entry = files.entries["report.txt"]
    assert told.code == 0
    assert told.out == (
        "Progress: 100.00%\n"
        "✓ Upload successful!\n"
        f"  File ID: {entry.file_id}\n"
        "  Version ID: 0199b2f0-0000-7000-8000-000000000001\n"
        "  Size: 5 bytes\n"
        "  Replicas: [node-2 node-1]\n"
    )
    assert told.err == ""
    [line] = [line for line in told.out.splitlines() if "File ID:" in line]
    assert line.split()[2] == entry.file_id


def test_a_second_upload_is_a_version_of_the_same_file(shoal: Shoal, files: FakeFiles) -> None:
    [first] = shoal("upload", "report.txt", "--json").documents
    [second] = shoal("upload", "report.txt", "--json").documents
    assert second["file_id"] == first["file_id"]
    assert second["version"] > first["version"]
    assert second["filename"] == "report.txt"
    assert second["replicas"] == ["node-2", "node-1"]


def test_how_many_copies_are_kept_is_the_services_choice_unless_told(shoal: Shoal, files: FakeFiles) -> None:
    shoal("upload", "report.txt")
    shoal("upload", "report.txt", "--copies", "3", "--content-type", "text/plain", "-q")
    assert [options.copies for options in files.options] == [None, 3]
    assert [options.content_type for options in files.options] == ["application/octet-stream", "text/plain"]


def test_quiet_says_nothing(shoal: Shoal, files: FakeFiles) -> None:
    assert shoal("upload", "report.txt", "-q").out == ""


def test_an_empty_file_with_an_odd_name_is_kept(shoal: Shoal, files: FakeFiles) -> None:
    Path("a & b.txt").write_bytes(b"")
    told = shoal("upload", "a & b.txt")
    assert told.code == 0
    assert "  Size: 0 bytes\n  Replicas: []\n" in told.out
    assert "a & b.txt" in files.entries


def test_a_failed_upload_says_nothing_of_success(shoal: Shoal, files: FakeFiles) -> None:
    files.error = QuorumNotReached("1 of 3 nodes is up; 2 are needed to write")
    told = shoal("upload", "report.txt")
    assert (told.code, told.out) == (6, "")
    assert told.err == "shoal: 1 of 3 nodes is up; 2 are needed to write\n"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["-"], 2, "upload takes a file"),
        (["nowhere"], 3, "there is no file nowhere"),
        (["."], 2, "is a directory"),
        (["report.txt", "--copies", "two"], 2, "is not a valid integer"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    shoal: Shoal, files: FakeFiles, words: list[str], code: int, says: str
) -> None:
    told = shoal("upload", *words)
    assert told.code == code
    assert says in told.err
    assert told.err.count("\n") == 1
    assert not files.entries
