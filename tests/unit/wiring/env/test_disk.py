"""What only the real disk does; the rest is in tests/contract/test_disk.py."""

import asyncio
import errno
import os
import stat
from pathlib import Path

import pytest

from shoal.base.env import OpenMode
from shoal.base.errors import AlreadyExists, DiskFailed
from shoal.wiring.env import RealDisk, disk, real_env
from support.gate import Gate


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_nobody_else_may_look_at_the_files(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = RealDisk(tmp_path / "x" / "root")
        await made.make_dir("d/e")
        file = await made.open("d/e/f", OpenMode.CREATE)
        made.open_blocking("b").close()
        made.lock("l").release()
        await file.close()
        made.close()
    finally:
        os.umask(before)
    root = tmp_path / "x" / "root"
    assert [mode_of(path) for path in (root, root / "d", root / "d/e")] == [0o700] * 3
    assert [mode_of(path) for path in (root / "d/e/f", root / "b", root / "l")] == [0o600] * 3


async def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    made = RealDisk(tmp_path / "root")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    for call in (
        lambda: made.open("link", OpenMode.READ),
        lambda: made.open("link", OpenMode.UPDATE),
        lambda: made.drop_cache("link"),
    ):
        with pytest.raises(DiskFailed):
            await call()
    with pytest.raises(DiskFailed):
        made.lock("link")
    made.close()


def test_the_root_may_exist_and_must_be_a_directory(tmp_path: Path) -> None:
    RealDisk(tmp_path).close()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskFailed):
        RealDisk(tmp_path / "file")


def refused(_path: str) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_the_names_of_a_root_are_durable_before_anything_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").write_bytes(b"")
    synced = list[str]()
    monkeypatch.setattr(disk, "_sync_dir", synced.append)
    root = tmp_path / "a" / "root"
    whole = [str(tmp_path), str(tmp_path / "a")]
    RealDisk(root).close()
    assert synced == whole
    RealDisk(root).close()  # the first start may have been killed before it synced
    assert synced == [*whole, whole[1]]
    monkeypatch.setattr(disk, "_sync_dir", refused)
    RealDisk(root).close()  # made by somebody else, in a directory that we may not read
    monkeypatch.setattr(disk, "_sync_dir", synced.append)
    (root / "file").write_bytes(b"")
    RealDisk(root).close()
    assert synced == [*whole, whole[1]]


def test_a_directory_that_we_may_not_look_into_is_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, real = tmp_path / "theirs", os.listdir
    theirs.mkdir()
    synced = list[str]()
    monkeypatch.setattr(disk, "_sync_dir", synced.append)
    monkeypatch.setattr(os, "listdir", lambda path: refused(str(path)) if Path(path) == theirs else real(path))
    RealDisk(theirs / "root").close()
    assert synced == [str(theirs)], "our own name in it, and not its own"


def test_two_disks_on_one_directory_share_their_locks(tmp_path: Path) -> None:
    one, other = RealDisk(tmp_path), RealDisk(tmp_path)
    held = one.lock("lock")
    with pytest.raises(AlreadyExists):
        other.lock("lock")
    held.release()
    other.lock("lock").release()
    one.close()
    other.close()


async def test_a_cancelled_open_leaks_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, gate, opened = RealDisk(tmp_path), Gate(), list[int]()
    real_open = os.open

    def slow(path: str, flags: int, mode: int) -> int:
        gate()
        opened.append(real_open(path, flags, mode))
        return opened[0]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", slow)
        opening = asyncio.ensure_future(made.open("a", OpenMode.CREATE))
        await gate.reached()
        opening.cancel()
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await opening
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
    made.close()


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
async def test_a_failed_directory_sync_is_a_failed_disk(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = RealDisk(tmp_path)

    def full_sync(_descriptor: int, *, is_directory: bool) -> None:
        raise OSError(code, "says no")

    monkeypatch.setattr(disk, "full_sync", full_sync)
    with pytest.raises(DiskFailed):
        await made.sync_dir("")
    made.close()


async def test_the_real_env_is_whole(tmp_path: Path) -> None:
    env = real_env(tmp_path / "data", threads=1)
    env.crashpoint("anywhere")
    assert env.buggify("anything", 1.0) is False
    assert await env.cpu.run(len, bytes(1 << 20)) == 1 << 20
    assert await env.disk.list("") == []
    assert (tmp_path / "data").is_dir()
