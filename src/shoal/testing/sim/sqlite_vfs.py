"""SQLite on a simulated disk: a VFS in Python under the real library.

There is no shared memory, so a write-ahead log needs `locking_mode=exclusive` and one connection. Page checksums are
not under it either: APSW's checksum VFS can lie over one VFS of a process only, and that is the operating system's.
What SQLite does on Unix is done here too: the first sync of a new journal or log syncs the directory that it is in.
SQLite draws the salts of its log from a generator of its own: their bytes differ between runs, the operations do not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import apsw

from shoal.base.errors import NotFound, ShoalError, StorageFull, check
from shoal.testing.sim.disk import PowerCut, SimDisk
from shoal.wiring.env.paths import parent_path

_SECTOR_BYTES = 512
_JULIAN_DAY_MS = 212_000_000_000_000
_SYNCED_WITH_NAME = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


@contextmanager
def _as_sqlite() -> Iterator[None]:
    """Errors of the disk as those of a file system; a power cut passes as it is."""
    try:
        yield
    except StorageFull as exc:
        raise apsw.FullError(str(exc)) from exc
    except ShoalError as exc:
        raise apsw.IOError(str(exc)) from exc


class SimVfs(apsw.VFS):
    """I serve databases on one SimDisk; paths are those of the disk. Registered under `name` until nobody holds me."""

    def __init__(self, disk: SimDisk) -> None:
        taken = apsw.vfs_names()
        self.name = next(name for number in range(len(taken) + 1) if (name := f"sim-{number}") not in taken)
        self.disk = disk
        super().__init__(self.name, base="")

    def excepthook(
        self,
        etype: type[BaseException] | None,
        evalue: BaseException | None,
        etraceback: TracebackType | None,
    ) -> bool:
        """Take the errors that nobody is left for: a connection was dropped after a crash and lets go of its files."""
        return True

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        check(path, "temporary files are not simulated")
        with _as_sqlite():
            if flags[0] & apsw.SQLITE_OPEN_CREATE:
                is_new = not self.disk.exists_now(str(path))
                self.disk.create_now(str(path))
            elif self.disk.exists_now(str(path)):
                is_new = False
            else:
                raise apsw.CantOpenError(str(path))
        flags[1] = flags[0]
        return _SimVfsFile(self.disk, str(path), syncs_name=is_new and bool(flags[0] & _SYNCED_WITH_NAME))

    def xAccess(self, pathname: str, flags: int) -> bool:
        return self.disk.exists_now(pathname)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        try:
            with _as_sqlite():
                self.disk.unlink_now(filename, sync_dir=syncdir)
        except apsw.IOError as exc:
            if isinstance(exc.__cause__, NotFound):
                raise apsw.exception_for(apsw.SQLITE_IOERR_DELETE_NOENT) from exc
            raise

    def xFullPathname(self, name: str) -> str:
        return name

    def xRandomness(self, numbytes: int) -> bytes:
        return bytes(numbytes)

    def xCurrentTimeInt64(self) -> int:
        return _JULIAN_DAY_MS

    def xSleep(self, microseconds: int) -> int:
        return microseconds


class _SimVfsFile(apsw.VFSFile):
    """One open file; after a crash of its machine every call is a power cut."""

    def __init__(self, disk: SimDisk, path: str, *, syncs_name: bool) -> None:
        self._disk = disk
        self._path = path
        self._syncs_name = syncs_name
        self._generation = disk.generation

    @contextmanager
    def _call(self) -> Iterator[SimDisk]:
        if self._generation != self._disk.generation:
            raise PowerCut("the machine of this file has crashed")
        with _as_sqlite():
            yield self._disk

    def xRead(self, amount: int, offset: int) -> bytes:
        with self._call() as disk:
            return disk.read_now(self._path, offset, amount)

    def xWrite(self, data: bytes, offset: int) -> None:
        with self._call() as disk:
            disk.write_now(self._path, offset, data)

    def xTruncate(self, newsize: int) -> None:
        with self._call() as disk:
            disk.truncate_now(self._path, newsize)

    def xSync(self, flags: int) -> None:
        with self._call() as disk:
            disk.sync_now(self._path)
            if self._syncs_name:
                disk.sync_dir_now(parent_path(self._path))
                self._syncs_name = False

    def xFileSize(self) -> int:
        with self._call() as disk:
            return disk.size_now(self._path)

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
