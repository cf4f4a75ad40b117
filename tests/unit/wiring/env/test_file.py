"""What happens on the loop, what on threads, and who owns the buffers."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from shoal.base.env import File, OpenMode
from shoal.base.errors import DiskFailed
from shoal.base.units import MIB
from shoal.wiring.env import RealDisk, blocking
from shoal.wiring.env.file import INLINE_WRITE_BYTES_MAX
from support.gate import Gate


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[File]:
    disk = RealDisk(tmp_path)
    made = await disk.open("a", OpenMode.CREATE)
    yield made
    await made.close()
    disk.close()


async def test_a_cancelled_write_keeps_its_buffer_until_it_has_ended(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, pwritev = Gate(), os.pwritev

    def slow(descriptor: int, buffers: Sequence[memoryview], offset: int) -> int:
        gate()
        return pwritev(descriptor, buffers, offset)

    monkeypatch.setattr(os, "pwritev", slow)
    buffer = bytearray(b"a" * MIB)
    writing = asyncio.ensure_future(file.pwrite(0, buffer))
    await gate.reached()
    writing.cancel()
    await asyncio.sleep(0)
    assert not writing.done()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await writing
    buffer[:] = b"b" * MIB
    assert await file.pread(0, MIB) == b"a" * MIB


async def test_a_cancelled_sync_does_not_wait_and_its_failure_is_found_later(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()

    def full_sync(_descriptor: int) -> None:
        gate()
        raise OSError(5, "EIO")

    await file.pwrite(0, b"abc")
    with monkeypatch.context() as patch:
        patch.setattr(blocking, "full_sync", full_sync)
        syncing = asyncio.ensure_future(file.fdatasync())
        await gate.reached()
        syncing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await syncing
        gate.open()
        with pytest.raises(DiskFailed):
            await file.fdatasync()


async def test_syncs_of_different_files_run_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(4, timeout=10)
    monkeypatch.setattr(blocking, "full_sync", lambda _descriptor: together.wait())
    disk = RealDisk(tmp_path)
    files = [await disk.open(f"f{index}", OpenMode.CREATE) for index in range(4)]
    await asyncio.gather(*(file.fdatasync() for file in files))
    await asyncio.gather(*(file.close() for file in files))
    disk.close()


async def test_reads_do_not_wait_behind_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    disk = RealDisk(tmp_path, data_threads=1, sync_threads=1)
    file = await disk.open("a", OpenMode.CREATE)
    await file.pwrite(0, b"x" * MIB)
    monkeypatch.setattr(blocking, "full_sync", lambda _descriptor: gate())
    syncing = asyncio.ensure_future(file.fdatasync())
    await gate.reached()
    assert await file.pread(0, MIB) == b"x" * MIB
    gate.open()
    await syncing
    await file.close()
    disk.close()


@pytest.mark.parametrize(("length", "inline"), [(INLINE_WRITE_BYTES_MAX, True), (INLINE_WRITE_BYTES_MAX + 1, False)])
async def test_only_small_writes_happen_on_the_loop(
    file: File, monkeypatch: pytest.MonkeyPatch, length: int, inline: bool
) -> None:
    threads, pwritev = list[int](), os.pwritev

    def watched(descriptor: int, buffers: Sequence[memoryview], offset: int) -> int:
        threads.append(threading.get_ident())
        return pwritev(descriptor, buffers, offset)

    monkeypatch.setattr(os, "pwritev", watched)
    await file.pwrite(0, bytes(length))
    assert [thread == threading.get_ident() for thread in threads] == [inline]


async def test_a_read_that_is_not_in_the_cache_happens_on_a_thread(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    threads, pread = list[int](), os.pread

    def watched(descriptor: int, length: int, offset: int) -> bytes:
        threads.append(threading.get_ident())
        return pread(descriptor, length, offset)

    def absent(*_args: object) -> int:
        raise BlockingIOError

    await file.pwrite(0, b"abc")
    monkeypatch.setattr(os, "preadv", absent)
    monkeypatch.setattr(os, "pread", watched)
    assert await file.pread(0, 3) == b"abc"
    assert threads
    assert threading.get_ident() not in threads


async def test_the_descriptor_is_that_of_the_file(file: File) -> None:
    await file.pwrite(0, b"abc")
    descriptor = file.descriptor()
    assert descriptor is not None
    assert os.pread(descriptor, 9, 0) == b"abc"
