"""A file's name in a cluster, and an object's on disk."""

from pathlib import Path

import pytest

from shoal.base.errors import InvalidArgument
from shoal.core.names import ObjectName
from shoal.wiring.local_names import destination_of, name_of


def test_a_file_is_called_by_its_base_name() -> None:
    assert name_of(Path("a/b.txt")) == "b.txt"


@pytest.mark.parametrize("path", ["", ".", "..", "/", "a/.."])
def test_a_path_without_a_name_is_refused(path: str) -> None:
    with pytest.raises(InvalidArgument, match="no name of its own"):
        name_of(Path(path))


def test_an_object_goes_to_the_path_or_into_the_directory(tmp_path: Path) -> None:
    name = ObjectName("default", "a/b.txt")
    assert destination_of(name, tmp_path / "c") == tmp_path / "c"
    assert destination_of(name, tmp_path) == tmp_path / "b.txt"
    assert destination_of(name, None) == Path("b.txt")


@pytest.mark.parametrize("key", ["a/", "..", "a/..", "."])
def test_an_object_whose_name_ends_in_no_files_name_needs_a_path(key: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="say to which path"):
        destination_of(ObjectName("default", key), tmp_path)
    assert destination_of(ObjectName("default", key), tmp_path / "c") == tmp_path / "c"
