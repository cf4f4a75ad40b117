"""SQLite on a simulated disk: a VFS in Python under the real library.

There is no shared memory, so a write-ahead log needs `locking_mode=exclusive` and one connection. Page checksums are
not under it either: APSW's checksum VFS can lie over one VFS of a process only, and that is the operating system's.
What SQLite does on Unix is done here too: the first sync of a new journal or log syncs the directory that it is in.
SQLite draws the salts of its log from a generator of its own: their bytes differ between runs, the operations do not.
"""

from collections.abc import Callable
from typing import TypeVar

import apsw

from shoal.base.env import Env
from shoal.base.errors import ShoalError, StorageFull, check
from shoal.engine.sqlite import SqliteEngine, open_sqlite_engine
from shoal.ports.log import Log
from shoal.testing.sim.disk import OperationKind, PowerCut, SimDisk
from shoal.wiring.env.paths import parent_path

T = TypeVar("T")

_SECTOR_BYTES = 512
_JULIAN_DAY_MS = 212_000_000_000_000
_SYNCED_WITH_NAME = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


class SimVfs(apsw.VFS):
    """I serve databases on one SimDisk; paths are those of the disk. Registered under `name` until nobody holds me."""

    def __init__(self, disk: SimDisk) -> None:
        taken = apsw.vfs_names()
        self.name = next(name for number in range(len(taken) + 1) if (name := f"sim-{number}") not in taken)
        self.disk = disk
        self._generation = disk.generation
        self._is_lost = False
        super().__init__(self.name, base="")

    def perform(self, call: Callable[[], T], *, lost: T) -> T:
        """`call()`, its errors turned into those of a file system. The first power cut passes as it is.

        After that, or a crash, everything gives `lost`: SQLite cleans up behind an error, and a second exception would
        have nobody to take it. What SQLite believes from then on reaches no disk and no caller.
        """
        if self._is_lost or self._generation != self.disk.generation:
            return lost
        try:
            return call()
        except PowerCut:
            self._is_lost = True
            raise
        except StorageFull as exc:
            raise apsw.FullError(str(exc)) from exc
        except ShoalError as exc:
            raise apsw.IOError(str(exc)) from exc

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        check(path, "temporary files are not simulated")
        is_new = not self.perform(lambda: self.disk.exists_now(path), lost=True)
        if is_new and not flags[0] & apsw.SQLITE_OPEN_CREATE:
            raise apsw.CantOpenError(path)
        if is_new:
            self.perform(lambda: self.disk.create_now(path), lost=None)
        flags[1] = flags[0]
        return _SimVfsFile(self, path, syncs_name=is_new and bool(flags[0] & _SYNCED_WITH_NAME))

    def xAccess(self, pathname: str, flags: int) -> bool:
        return self.perform(lambda: self.disk.exists_now(pathname), lost=False)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        if not self.perform(lambda: self.disk.exists_now(filename), lost=True):
            raise apsw.exception_for(apsw.SQLITE_IOERR_DELETE_NOENT)
        self.perform(lambda: self.disk.unlink_now(filename, sync_dir=syncdir), lost=None)

    def xFullPathname(self, name: str) -> str:
        return name

    def xRandomness(self, numbytes: int) -> bytes:
        return bytes(numbytes)

    def xCurrentTimeInt64(self) -> int:
        return _JULIAN_DAY_MS

    def xSleep(self, microseconds: int) -> int:
        return microseconds


class _SimVfsFile(apsw.VFSFile):
    """One open file. There is nothing to lock: one connection has it."""

    def __init__(self, vfs: SimVfs, path: str, *, syncs_name: bool) -> None:
        self._vfs = vfs
        self._disk = vfs.disk
        self._path = path
        self._syncs_name = syncs_name

    def xRead(self, amount: int, offset: int) -> bytes:
        return self._vfs.perform(lambda: self._disk.read_now(self._path, offset, amount), lost=b"")

    def xWrite(self, data: bytes, offset: int) -> None:
        self._vfs.perform(lambda: self._disk.write_now(self._path, offset, data), lost=None)

    def xTruncate(self, newsize: int) -> None:
        self._vfs.perform(lambda: self._disk.truncate_now(self._path, newsize), lost=None)

    def xSync(self, flags: int) -> None:
        self._vfs.perform(lambda: self._disk.sync_now(self._path), lost=None)
        if self._syncs_name:
            self._vfs.perform(lambda: self._disk.sync_dir_now(parent_path(self._path)), lost=None)
            self._syncs_name = False

    def xFileSize(self) -> int:
        return self._vfs.perform(lambda: self._disk.size_now(self._path), lost=0)

    def xLock(self, level: int) -> None:
        pass

    def xUnlock(self, level: int) -> None:
        pass

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return _SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE  # as on Unix; the disk tears writes, it never spreads them

    def xClose(self) -> None:
        pass


async def open_sim_engine(env: Env, disk: SimDisk, *, name: str, log: Log) -> SqliteEngine:
    """The SQLite engine on the file `name` of a simulated disk; commits happen at one instant, some time after they
    were asked for and some time before they are answered.

    Raises: as `open_sqlite_engine`.
    """
    vfs, generation = SimVfs(disk), disk.generation

    async def at_one_instant(call: Callable[[], T]) -> T:
        await disk.wait(OperationKind.SYNC)
        result = call()
        disk.require_power(generation)  # a commit that SQLite believes in after a crash did not happen
        await disk.wait(OperationKind.SYNC)
        return result

    return await open_sqlite_engine(
        env, name=name, path=name, vfs=vfs.name, shared_memory=False, run_blocking=at_one_instant, log=log
    )
