"""`shoal delete` ends a file."""

from support.command_line import Shoal
from support.fake_files import FakeFiles


def test_a_file_is_gone_and_others_stay(shoal: Shoal, files: FakeFiles) -> None:
    for name in ("a", "b"):
        shoal("upload", "report.txt")
        files.rename("report.txt", name)
    file_id = files.entries["a"].file_id
    assert shoal("delete", file_id).out == "✓ File deleted successfully\n"
    assert list(files.entries) == ["b"]
    told = shoal("delete", file_id)
    assert (told.code, told.out) == (3, "")
    [document] = shoal("delete", files.entries["b"].file_id, "--json").documents
    assert list(document) == ["file_id"]
