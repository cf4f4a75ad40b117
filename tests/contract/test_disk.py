"""What every Disk must do, the real one and the simulated one alike."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from shoal.base.digests import Buffer
from shoal.base.env import Disk, File, OpenMode
from shoal.base.errors import AlreadyExists, DiskFailed, InvariantBroken, NotFound
from shoal.base.units import MIB
from shoal.testing.sim.disk import SimDisk
from shoal.wiring.env import RealDisk


@pytest.fixture(params=["real", "simulated", "simulated with delays"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    if request.param == "real":
        real = RealDisk(tmp_path / "disk")
        yield real
        real.close()
    else:
        yield SimDisk(random.Random(1), delay=(lambda _kind: 2_000) if "delays" in request.param else None)


async def write_file(disk: Disk, path: str, content: bytes) -> None:
    file = await disk.open(path, OpenMode.CREATE)
    await file.pwrite(0, content)
    await file.close()


async def read_file(disk: Disk, path: str) -> bytes:
    file = await disk.open(path, OpenMode.READ)
    content = await file.pread(0, file.size())
    await file.close()
    return content


async def test_written_buffers_are_read_back_one_after_the_other(disk: Disk) -> None:
    file = await disk.open("a", OpenMode.CREATE)
    await file.pwrite(0, b"abc", bytearray(b"def"), memoryview(b"xghix")[1:-1], b"")
    assert await file.pread(1, 7) == b"bcdefgh"
    assert file.size() == 9
    await file.close()


async def test_reads_are_short_only_at_the_end_of_the_file(disk: Disk) -> None:
    await write_file(disk, "a", b"0123456789")
    file = await disk.open("a", OpenMode.READ)
    assert await file.pread(8, 100) == b"89"
    assert await file.pread(10, 1) == b""
    assert await file.pread(1 << 40, 1) == b""
    assert await file.pread(3, 0) == b""
    await file.close()


@pytest.mark.parametrize("shape", [bytes, bytearray, memoryview])
async def test_large_buffers_of_any_kind_arrive_whole(disk: Disk, shape: Callable[[bytes], Buffer]) -> None:
    content = random.Random(2).randbytes(MIB + 77)
    file = await disk.open("a", OpenMode.CREATE)
    await file.pwrite(5, shape(content))
    assert await file.pread(0, 2 * MIB) == bytes(5) + content
    assert await file.pread(5 + 1000, 300_000) == content[1000:301_000]
    await file.close()


async def test_more_buffers_than_one_system_call_takes_arrive_whole(disk: Disk) -> None:
    file = await disk.open("a", OpenMode.CREATE)
    await file.pwrite(0, *(bytes([index % 251]) * 3 for index in range(2500)))
    assert await file.pread(0, 10_000) == b"".join(bytes([index % 251]) * 3 for index in range(2500))
    await file.close()


@pytest.mark.parametrize("length", [100, MIB])
async def test_a_buffer_may_be_reused_when_the_write_returns(disk: Disk, length: int) -> None:
    file = await disk.open("a", OpenMode.CREATE)
    buffer = bytearray(b"a" * length)
    await file.pwrite(0, buffer)
    buffer[:] = b"b" * length
    assert await file.pread(0, length) == b"a" * length
    await file.close()


async def test_a_hole_reads_as_zeros(disk: Disk) -> None:
    file = await disk.open("a", OpenMode.CREATE)
    await file.pwrite(10_000, b"x")
    assert await file.pread(0, 20_000) == bytes(10_000) + b"x"
    await file.close()


async def test_an_overwrite_changes_its_bytes_only(disk: Disk) -> None:
    await write_file(disk, "a", b"a" * 10_000)
    file = await disk.open("a", OpenMode.UPDATE)
    await file.pwrite(4090, b"b" * 10)
    assert await file.pread(0, 10_000) == b"a" * 4090 + b"b" * 10 + b"a" * 5900
    await file.close()


async def test_create_refuses_a_name_that_is_taken(disk: Disk) -> None:
    await write_file(disk, "a", b"1")
    await disk.make_dir("d")
    for taken in ("a", "d", ""):
        with pytest.raises(AlreadyExists):
            await disk.open(taken, OpenMode.CREATE)
    assert await read_file(disk, "a") == b"1"


@pytest.mark.parametrize("mode", [OpenMode.READ, OpenMode.UPDATE])
async def test_opening_what_is_not_there_is_not_found(disk: Disk, mode: OpenMode) -> None:
    with pytest.raises(NotFound):
        await disk.open("a", mode)


async def test_creating_below_a_missing_directory_is_not_found(disk: Disk) -> None:
    with pytest.raises(NotFound):
        await disk.open("missing/a", OpenMode.CREATE)


async def test_a_directory_does_not_open_as_a_file(disk: Disk) -> None:
    await disk.make_dir("d")
    with pytest.raises(DiskFailed):
        await disk.open("d", OpenMode.READ)


async def test_a_file_opened_for_reading_refuses_changes(disk: Disk) -> None:
    await write_file(disk, "a", b"1")
    file = await disk.open("a", OpenMode.READ)
    for change in (file.pwrite(0, b"2"), file.truncate(0), file.allocate(0, 9), file.fdatasync()):
        with pytest.raises(InvariantBroken):
            await change
    await file.close()
    assert await read_file(disk, "a") == b"1"


async def test_a_closed_file_refuses_everything_but_close(disk: Disk) -> None:
    file = await disk.open("a", OpenMode.CREATE)
    await file.close()
    for call in (file.pread(0, 1), file.pwrite(0, b"2"), file.truncate(0), file.allocate(0, 9), file.fdatasync()):
        with pytest.raises(InvariantBroken):
            await call
    for property_of in (file.size, file.descriptor):
        with pytest.raises(InvariantBroken):
            property_of()
    await file.close()


async def test_allocate_grows_with_zeros_and_never_shrinks(disk: Disk) -> None:
    file = await disk.open("a", OpenMode.CREATE)
    await file.pwrite(0, b"abc")
    await file.allocate(0, 5000)
    assert file.size() == 5000
    await file.allocate(0, 10)
    assert await file.pread(0, 6000) == b"abc" + bytes(4997)
    await file.close()


async def test_truncate_cuts_and_grows_with_zeros(disk: Disk) -> None:
    file = await disk.open("a", OpenMode.CREATE)
    await file.pwrite(0, b"a" * 9000)
    await file.truncate(4100)
    await file.truncate(9000)
    assert await file.pread(0, 9001) == b"a" * 4100 + bytes(4900)
    await file.close()


async def test_names_are_listed_sorted(disk: Disk) -> None:
    await disk.make_dir("d/sub")
    for name in ("b", "a", "B", "a1"):
        await write_file(disk, f"d/{name}", b"")
    assert await disk.list("d") == ["B", "a", "a1", "b", "sub"]
    assert await disk.list("") == ["d"]
    assert await disk.list("missing") == []
    with pytest.raises(DiskFailed):
        await disk.list("d/a")


async def test_make_dir_makes_parents_and_accepts_what_exists(disk: Disk) -> None:
    await disk.make_dir("a/b/c")
    await disk.make_dir("a/b")
    await disk.make_dir("")
    assert await disk.list("a/b") == ["c"]
    await write_file(disk, "f", b"")
    for path in ("f", "f/below"):
        with pytest.raises(DiskFailed):
            await disk.make_dir(path)


async def test_exists_sees_files_and_directories(disk: Disk) -> None:
    await disk.make_dir("d")
    await write_file(disk, "d/a", b"")
    seen = [await disk.exists(path) for path in ("", "d", "d/a", "d/b", "d/a/below")]
    assert seen == [True, True, True, False, False]


async def test_rename_replaces_the_target_and_open_files_follow(disk: Disk) -> None:
    await disk.make_dir("d")
    await write_file(disk, "a", b"new")
    await write_file(disk, "d/b", b"old")
    moved, replaced = await disk.open("a", OpenMode.UPDATE), await disk.open("d/b", OpenMode.READ)
    await disk.rename("a", "d/b")
    await moved.pwrite(3, b"er")
    assert (await disk.exists("a"), await read_file(disk, "d/b")) == (False, b"newer")
    assert await replaced.pread(0, 9) == b"old"
    await moved.close()
    await replaced.close()


async def test_rename_needs_a_source_and_the_directory_of_the_target(disk: Disk) -> None:
    await write_file(disk, "a", b"")
    await disk.make_dir("d")
    with pytest.raises(NotFound):
        await disk.rename("missing", "b")
    with pytest.raises(NotFound):
        await disk.rename("a", "missing/b")
    with pytest.raises(DiskFailed):
        await disk.rename("a", "d")
    assert await disk.exists("a")


async def test_an_unlinked_file_is_gone_by_name_and_readable_where_it_is_open(disk: Disk) -> None:
    await write_file(disk, "a", b"abc")
    file = await disk.open("a", OpenMode.UPDATE)
    await disk.unlink("a")
    await file.pwrite(3, b"d")
    await file.fdatasync()
    assert (await disk.list(""), await file.pread(0, 9)) == ([], b"abcd")
    await file.close()
    with pytest.raises(NotFound):
        await disk.unlink("a")


async def test_unlink_refuses_a_directory(disk: Disk) -> None:
    await disk.make_dir("d")
    with pytest.raises(DiskFailed):
        await disk.unlink("d")


async def test_directories_can_be_synced_and_missing_ones_not(disk: Disk) -> None:
    await disk.make_dir("a/b")
    for path in ("a/b", "a", ""):
        await disk.sync_dir(path)
    with pytest.raises(NotFound):
        await disk.sync_dir("missing")


async def test_space_is_reported(disk: Disk) -> None:
    space = await disk.space()
    assert 0 < space.free_bytes <= space.total_bytes


async def test_dropping_the_cache_changes_no_byte(disk: Disk) -> None:
    await write_file(disk, "a", b"a" * 100_000)
    file = await disk.open("a", OpenMode.UPDATE)
    await file.pwrite(0, b"b")
    await disk.drop_cache("a")
    await file.fdatasync()
    await disk.drop_cache("a")
    assert await file.pread(0, 200_000) == b"b" + b"a" * 99_999
    await file.close()
    with pytest.raises(NotFound):
        await disk.drop_cache("missing")


async def test_a_lock_excludes_until_it_is_released(disk: Disk) -> None:
    lock = disk.lock("lock")
    with pytest.raises(AlreadyExists):
        disk.lock("lock")
    other = disk.lock("other")
    lock.release()
    again = disk.lock("lock")
    lock.release()
    with pytest.raises(AlreadyExists):
        disk.lock("lock")
    again.release()
    other.release()
    assert await disk.list("") == ["lock", "other"]


async def test_a_blocking_file_is_created_and_shares_its_bytes(disk: Disk) -> None:
    blocking = disk.open_blocking("a")
    blocking.pwrite(2, b"cd")
    blocking.fdatasync()
    assert await read_file(disk, "a") == b"\0\0cd"
    again = disk.open_blocking("a")
    assert again.pread(1, 100) == b"\0cd"
    for file in (blocking, again, again):
        file.close()
    with pytest.raises(InvariantBroken):
        blocking.pread(0, 1)


@pytest.mark.parametrize("path", ["/a", "..", "a/../b", "a//b", "./a", "a/", "a\0"])
async def test_paths_cannot_leave_the_disk(disk: Disk, path: str) -> None:
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: disk.open(path, OpenMode.READ),
        lambda: disk.open(path, OpenMode.CREATE),
        lambda: disk.exists(path),
        lambda: disk.list(path),
        lambda: disk.make_dir(path),
        lambda: disk.unlink(path),
        lambda: disk.sync_dir(path),
        lambda: disk.drop_cache(path),
    ]
    for call in calls:
        with pytest.raises(InvariantBroken):
            await call()
    await write_file(disk, "source", b"")
    with pytest.raises(InvariantBroken):
        await disk.rename("source", path)
    with pytest.raises(InvariantBroken):
        disk.lock(path)
    with pytest.raises(InvariantBroken):
        disk.open_blocking(path)


async def test_many_files_are_written_and_synced_at_once(disk: Disk) -> None:
    async def write(index: int) -> bytes:
        file = await disk.open(f"file-{index}", OpenMode.CREATE)
        await asyncio.gather(*(file.pwrite(part * 70_000, bytes([index]) * 70_000) for part in range(3)))
        await asyncio.gather(file.fdatasync(), file.fdatasync())
        await file.close()
        return await read_file(disk, f"file-{index}")

    contents = await asyncio.gather(*(write(index) for index in range(12)))
    assert contents == [bytes([index]) * 210_000 for index in range(12)]


CANCELLED_CALLS: dict[str, Callable[[Disk, File], Awaitable[object]]] = {
    "open": lambda disk, file: disk.open("new", OpenMode.CREATE),
    "exists": lambda disk, file: disk.exists("a"),
    "list": lambda disk, file: disk.list(""),
    "make_dir": lambda disk, file: disk.make_dir("d"),
    "rename": lambda disk, file: disk.rename("a", "b"),
    "unlink": lambda disk, file: disk.unlink("a"),
    "sync_dir": lambda disk, file: disk.sync_dir(""),
    "space": lambda disk, file: disk.space(),
    "drop_cache": lambda disk, file: disk.drop_cache("a"),
    "pread": lambda disk, file: file.pread(0, MIB),
    "pwrite": lambda disk, file: file.pwrite(0, bytearray(b"b" * MIB)),
    "fdatasync": lambda disk, file: file.fdatasync(),
    "allocate": lambda disk, file: file.allocate(0, MIB),
    "truncate": lambda disk, file: file.truncate(MIB),
    "close": lambda disk, file: file.close(),
}


@pytest.mark.parametrize("call", CANCELLED_CALLS)
async def test_a_cancelled_call_ends_and_leaves_the_disk_usable(disk: Disk, call: str) -> None:
    file = await disk.open("a", OpenMode.CREATE)
    await file.pwrite(0, b"a" * MIB)

    async def perform() -> None:
        await CANCELLED_CALLS[call](disk, file)

    task = asyncio.create_task(perform())
    await asyncio.sleep(0)
    task.cancel()
    (ended,) = await asyncio.gather(task, return_exceptions=True)
    assert ended is None or isinstance(ended, asyncio.CancelledError)
    await file.close()
    await write_file(disk, "after", b"after")
    assert await read_file(disk, "after") == b"after"
