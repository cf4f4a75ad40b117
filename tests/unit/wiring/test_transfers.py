"""A user's files: read as they are, and never half written."""

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from shoal.base.errors import DiskFailed, InvalidArgument, NotFound
from shoal.wiring.transfers import BytesSink, BytesSource, FileSink, FileSource


async def test_bytes_are_a_source() -> None:
    source = BytesSource(b"hello")
    assert source.size == 5
    assert await source.available(3, 10) == 2
    assert await source.available(9, 10) == 0
    assert bytes(await source.read_at(1, 3)) == b"ell"


async def test_bytes_come_into_memory_in_any_order() -> None:
    sink = BytesSink(5)
    await sink.write_at(3, b"lo")
    await sink.write_at(0, memoryview(b"hel"))
    assert sink.content == b"hello"


@pytest.mark.parametrize("size", [0, 1, 2, 8, 100_000])
async def test_what_came_into_memory_is_given_away_without_a_copy(size: int) -> None:
    sink = BytesSink(size)
    assert sink.content == bytes(size)
    await sink.write_at(0, b"\xff" * size)
    content = sink.content
    assert content == b"\xff" * size
    assert sink.content is content


def only_cached(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The kernel of Linux refuses with this error to read what is not in its cache."""

    def refuse(*arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "RWF_NOWAIT", 8, raising=False)
    monkeypatch.setattr(os, "preadv", refuse, raising=False)


@pytest.mark.parametrize("is_cached", [True, False])
async def test_file_is_read_where_it_lies(tmp_path: Path, is_cached: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_cached:
        only_cached(monkeypatch, errno.EAGAIN)
    (tmp_path / "a").write_bytes(b"hello")
    source = FileSource(tmp_path / "a")
    assert source.size == 5
    assert await source.available(3, 10) == 2
    assert await source.read_at(1, 3) == b"ell"
    source.close()


async def test_file_that_became_shorter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    source = FileSource(tmp_path / "a")
    os.truncate(tmp_path / "a", 3)
    with pytest.raises(InvalidArgument, match="became shorter"):
        await source.read_at(0, 5)
    source.close()


async def test_what_is_appended_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    source = FileSource(tmp_path / "a")
    with (tmp_path / "a").open("ab") as file:
        file.write(b"more")
    assert await source.available(0, 100) == 5
    source.close()


async def test_disk_that_cannot_be_read_is_a_local_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: int) -> bytes:
        raise OSError(5, "Input/output error")

    (tmp_path / "a").write_bytes(b"hello")
    source = FileSource(tmp_path / "a")
    only_cached(monkeypatch, errno.EIO)
    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(DiskFailed, match="Input/output error"):
        await source.read_at(0, 5)
    source.close()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotFound):
        FileSource(tmp_path / "nothing")
    with pytest.raises(InvalidArgument, match="is a directory"):
        FileSource(tmp_path)
    with pytest.raises(InvalidArgument, match="not a regular file"):
        FileSource(tmp_path / "pipe")
    with pytest.raises(InvalidArgument, match="cannot be read"):
        FileSource(tmp_path / "a\0b")


@pytest.fixture(params=["unnamed", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to write a file: without a name, and, where the file system cannot do that, under another one."""
    if request.param == "named":
        monkeypatch.setattr(sys, "platform", "plain")
    return str(request.param)


async def test_file_appears_when_it_is_whole(tmp_path: Path, way: str) -> None:
    sink = FileSink(tmp_path / "a")
    await sink.write_at(3, b"lo")
    await sink.write_at(0, memoryview(b"hel"))
    assert not (tmp_path / "a").exists()
    sink.commit()
    sink.abandon()
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"hello"


async def test_abandoned_file_leaves_nothing(tmp_path: Path, way: str) -> None:
    (tmp_path / "a").write_bytes(b"mine")
    sink = FileSink(tmp_path / "a")
    await sink.write_at(0, b"hello")
    sink.abandon()
    sink.abandon()
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"mine"


async def test_old_file_is_replaced_at_once(tmp_path: Path, way: str) -> None:
    (tmp_path / "a").write_bytes(b"a longer one")
    reader = (tmp_path / "a").open("rb")
    sink = FileSink(tmp_path / "a")
    await sink.write_at(0, b"hello")
    sink.commit()
    assert (tmp_path / "a").read_bytes() == b"hello"
    assert reader.read() == b"a longer one"
    reader.close()
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="only Linux has files without a name")
async def test_killed_process_leaves_nothing(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "a")
    await sink.write_at(0, b"hello")
    assert os.listdir(tmp_path) == []  # so there is nothing that somebody would have to remove
    sink.abandon()


async def test_link_stays_a_link(tmp_path: Path, way: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/a")
    sink = FileSink(tmp_path / "link")
    await sink.write_at(0, b"hello")
    sink.commit()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "a").read_bytes() == b"hello"


async def test_file_has_the_rights_that_new_files_have(tmp_path: Path, way: str) -> None:
    old = os.umask(0o027)
    try:
        FileSink(tmp_path / "a").commit()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


async def test_part_of_another_process_does_not_get_into_the_way(tmp_path: Path, way: str) -> None:
    first, second = FileSink(tmp_path / "a"), FileSink(tmp_path / "a")
    (tmp_path / f".shoal-{os.getpid()}-2.part").write_bytes(b"left behind")
    await first.write_at(0, b"1")
    await second.write_at(0, b"2")
    first.commit()
    second.commit()
    assert (tmp_path / "a").read_bytes() == b"2"


def test_place_that_cannot_be_written_to_is_refused_at_once(tmp_path: Path, way: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "nowhere" / "a", tmp_path / "file" / "a", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(InvalidArgument, match="cannot write"):
            FileSink(path)
    for path in (tmp_path, Path("/dev/null")):
        with pytest.raises(InvalidArgument, match="not a regular file"):
            FileSink(path)
    assert os.listdir(tmp_path) == ["file"]


async def test_full_disk_is_a_local_fault(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    sink = FileSink(tmp_path / "a")
    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(DiskFailed, match="No space left"):
        await sink.write_at(0, b"hello")
    sink.abandon()
    assert os.listdir(tmp_path) == []


async def test_write_that_took_only_a_part_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, frame, offset: real(descriptor, frame[:2], offset))
    sink = FileSink(tmp_path / "a")
    await sink.write_at(0, b"hello")
    sink.commit()
    assert (tmp_path / "a").read_bytes() == b"hello"


async def test_failed_commit_leaves_everything_as_it_was(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    (tmp_path / "a").write_bytes(b"mine")
    sink = FileSink(tmp_path / "a")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(DiskFailed, match="cannot be put in its place"):
        sink.commit()
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"mine"
