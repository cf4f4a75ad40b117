"""Descriptors: short calls, failed syncs, and when they are closed."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shoal.base.errors import DiskFailed, StorageFull
from shoal.wiring.env import blocking
from shoal.wiring.env.blocking import RealBlockingFile


@pytest.fixture
def file(tmp_path: Path) -> Iterator[RealBlockingFile]:
    made = RealBlockingFile(os.open(tmp_path / "a", os.O_RDWR | os.O_CREAT), "a")
    yield made
    made.close()


def test_a_system_call_that_writes_less_is_continued(file: RealBlockingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    pwritev = os.pwritev

    def short(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        return pwritev(descriptor, [buffers[0][:2]], offset)

    monkeypatch.setattr(os, "pwritev", short)
    file.pwrite_all(1, [b"abcde", b"", b"f", bytearray(b"ghi")])
    assert file.pread(0, 99) == b"\0abcdefghi"


def test_a_system_call_that_reads_less_is_continued(file: RealBlockingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.pwrite(0, b"abcdefgh")
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda descriptor, length, offset: pread(descriptor, min(length, 3), offset))
    assert file.pread(1, 6) == b"bcdefg"
    assert file.pread(1, 99) == b"bcdefgh"


def test_reads_from_the_cache_are_whole_or_none(file: RealBlockingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = memoryview(bytearray(100))
    file.pwrite(0, b"abcdefgh")
    assert file.pread_cached(6, 50, scratch) in (b"gh", None)  # None where the file system cannot say
    monkeypatch.setattr(os, "preadv", lambda *_args: 3)
    assert file.pread_cached(0, 8, scratch) is None
    monkeypatch.setattr(os, "preadv", raising(BlockingIOError()))
    assert file.pread_cached(0, 8, scratch) is None


def raising(error: OSError) -> Callable[..., int]:
    def call(*_args: object) -> int:
        raise error

    return call


def test_a_file_system_that_cannot_reserve_space_grows_the_file(
    file: RealBlockingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", raising(OSError(errno.EOPNOTSUPP, "not supported")))
    file.allocate(0, 5000)
    assert (file.size(), file.pread(0, 5000)) == (5000, bytes(5000))
    file.allocate(0, 10)
    assert file.size() == 5000


def test_space_that_cannot_be_had_is_refused(file: RealBlockingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", raising(OSError(errno.ENOSPC, "full")))
    with pytest.raises(StorageFull):
        file.allocate(0, 5000)
    assert file.size() == 0


def test_a_failed_sync_is_never_repeated(file: RealBlockingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.pwrite(0, b"abc")
    with monkeypatch.context() as patch:
        patch.setattr(blocking, "full_sync", raising(OSError(5, "EIO")))
        with pytest.raises(DiskFailed):
            file.fdatasync()
    for change in (
        file.fdatasync,
        lambda: file.pwrite(0, b"x"),
        lambda: file.truncate(0),
        lambda: file.allocate(0, 9),
    ):
        with pytest.raises(DiskFailed, match="earlier sync"):
            change()
    assert file.pread(0, 9) == b"abc"


def test_a_full_disk_at_a_sync_is_a_failed_disk(file: RealBlockingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "full_sync", raising(OSError(28, "ENOSPC")))
    with pytest.raises(DiskFailed):
        file.fdatasync()


def test_a_full_disk_at_a_write_is_full_storage(file: RealBlockingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwritev", raising(OSError(28, "ENOSPC")))
    with pytest.raises(StorageFull):
        file.pwrite(0, b"x")


def test_a_failed_close_is_a_failed_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = os.open(tmp_path / "a", os.O_RDWR | os.O_CREAT)
    file = RealBlockingFile(descriptor, "a")
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", raising(OSError(5, "EIO")))
        with pytest.raises(DiskFailed):
            file.close()
    os.close(descriptor)


def test_two_syncs_at_once_both_learn_of_the_failure(file: RealBlockingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel reports to one of them only, so the second must not ask it."""
    first_is_in, may_fail, failed, asked = threading.Event(), threading.Event(), list[bool](), list[int]()

    def full_sync(descriptor: int) -> None:
        asked.append(descriptor)
        first_is_in.set()
        may_fail.wait(10)
        raise OSError(5, "EIO")

    def sync() -> None:
        try:
            file.fdatasync()
        except DiskFailed:
            failed.append(True)

    monkeypatch.setattr(blocking, "full_sync", full_sync)
    threads = [threading.Thread(target=sync) for _ in range(2)]
    threads[0].start()
    first_is_in.wait(10)
    threads[1].start()
    may_fail.set()
    for thread in threads:
        thread.join()
    assert (failed, len(asked)) == ([True, True], 1)


def test_a_descriptor_is_closed_only_when_no_call_uses_it(
    file: RealBlockingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, may_go, order = threading.Event(), threading.Event(), list[str]()

    def full_sync(descriptor: int) -> None:
        inside.set()
        may_go.wait(10)
        os.fstat(descriptor)
        order.append("synced")

    def close() -> None:
        file.close()
        order.append("closed")

    monkeypatch.setattr(blocking, "full_sync", full_sync)
    syncing, closing = threading.Thread(target=file.fdatasync), threading.Thread(target=close)
    syncing.start()
    inside.wait(10)
    closing.start()
    may_go.set()
    syncing.join()
    closing.join()
    assert order == ["synced", "closed"]
