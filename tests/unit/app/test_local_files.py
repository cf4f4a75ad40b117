"""Where bytes come from and go to."""

import os
from pathlib import Path

import pytest

from shoal.app.local_files import destination_of, name_of, opened_source, opened_stream, standard_output
from shoal.base.errors import InvalidArgument, NotFound
from shoal.core.names import ObjectName


async def test_regular_file_is_a_source_of_known_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    with opened_source(str(tmp_path / "a")) as source:
        assert source.size == 5
        assert await source.read_at(1, 3) == b"ell"


async def test_pipe_is_a_source_that_is_read_once() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"hello")
    os.close(write_end)
    with opened_source(f"/dev/fd/{read_end}") as source:
        assert source.size is None
        assert await source.available(0, 100) == 5
        assert bytes(await source.read_at(0, 5)) == b"hello"
    os.close(read_end)


def test_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"), opened_source(str(tmp_path / "a")):
        pass


def test_file_gives_its_base_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert name_of("x/y.txt") == "y.txt"
    assert name_of(".") == tmp_path.name


@pytest.mark.parametrize("file", ["-", "/dev/null"])
def test_stream_gives_no_name(file: str) -> None:
    with pytest.raises(InvalidArgument, match="needs a NAME"):
        name_of(file)


@pytest.mark.parametrize(
    ("key", "file", "path"),
    [("a/b", None, "b"), ("/etc/passwd", None, "passwd"), ("a/b", "c", "c"), ("a/b", "d", "d/b"), ("..", "c", "c")],
)
def test_destination_stays_in_its_directory(
    key: str, file: str | None, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d").mkdir()
    assert destination_of(ObjectName("default", key), file) == Path(path)


@pytest.mark.parametrize("key", ["..", "a/..", ".", "a/", "a/."])
def test_key_that_would_leave_the_directory_is_refused(key: str) -> None:
    with pytest.raises(InvalidArgument, match="say which FILE"):
        destination_of(ObjectName("default", key), None)


async def test_device_is_a_stream_and_a_file_is_not(tmp_path: Path) -> None:
    with opened_stream(str(tmp_path / "new")) as stream:
        assert stream is None
    with opened_stream("/dev/null") as stream:
        assert stream is not None
        await stream.write(b"hello")


async def test_standard_output_takes_bytes_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    stream = standard_output()
    await stream.write(b"hel")
    await stream.write(b"lo")
    assert capfd.readouterr().out == "hello"
