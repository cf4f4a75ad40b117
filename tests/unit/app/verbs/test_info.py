"""`shoal info` shows a file with all its versions."""

from support.command_line import Shoal
from support.fake_files import FakeFiles


def test_everything_stands_on_a_line_of_its_own(shoal: Shoal, files: FakeFiles) -> None:
    shoal("upload", "report.txt")
    shoal("upload", "report.txt")
    file_id = files.entries["report.txt"].file_id
    assert shoal("info", file_id).out == (
        f"File ID: {file_id}\n"
        "Filename: report.txt\n"
        "Size: 5 bytes\n"
        "Content Type: application/octet-stream\n"
        "Created: 2025-10-09T08:53:21Z\n"
        "Updated: 2025-10-09T08:53:22Z\n"
        "Versions: [0199b2f0-0000-7000-8000-000000000002 0199b2f0-0000-7000-8000-000000000001]\n"
        "Replicas: [node-2 node-1]\n"
    )
    [document] = shoal("info", file_id, "--json").documents
    assert document["versions"][0] == document["version"] == "0199b2f0-0000-7000-8000-000000000002"
    assert (document["size"], document["filename"], document["replicas"]) == (5, "report.txt", ["node-2", "node-1"])
    assert shoal("info", file_id, "-q").out == ""


def test_an_unknown_file_ends_with_3(shoal: Shoal, files: FakeFiles) -> None:
    told = shoal("info", "none")
    assert (told.code, told.out, told.err) == (3, "", "shoal: there is no file none\n")
