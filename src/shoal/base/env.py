"""Env: the world, injected. Production gives the real one (`wiring`), the simulator a model (`testing`).

No component reads a clock, draws a random number, touches a file or starts a thread by any other way; that is what
makes the whole cluster run from one seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

from shoal.base.digests import Buffer
from shoal.base.ids import Instant, WallNs

T = TypeVar("T")


class Clock(Protocol):
    """Time. `now` never goes back and means nothing outside this process; `wall` may jump either way."""

    def now(self) -> Instant: ...

    def wall(self) -> WallNs: ...

    async def sleep(self, duration_ns: int) -> None: ...


class Rng(Protocol):
    """Randomness for jitter and placement: seeded in simulation, never for keys."""

    def random(self) -> float:
        """A float in [0, 1)."""
        ...

    def below(self, limit: int) -> int:
        """An int in [0, limit)."""
        ...


class Secrets(Protocol):
    """Randomness for keys, nonces and ids."""

    def token(self, size: int) -> bytes: ...


class StreamDigest(Protocol):
    """SHA-256 and CRC64NVME of a stream, computed beside the transfer of its bytes."""

    async def update(self, frame: Buffer) -> None:
        """Take the next bytes, which must not change until `finish`. Returns before they are hashed; waits only
        while much is queued, so that memory stays bounded."""
        ...

    async def finish(self) -> tuple[bytes, int]:
        """(SHA-256, CRC64NVME) of everything."""
        ...


class Cpu(Protocol):
    """Hashing, coding and compression off the loop, with the GIL released."""

    def digest(self) -> StreamDigest:
        """A new digest of nothing yet."""
        ...

    async def run(self, fn: Callable[..., T], *args: object) -> T:
        """`fn(*args)`. The job owns its buffers until it ends, also when the caller is cancelled."""
        ...


class OpenMode(Enum):
    """How `Disk.open` treats what is there."""

    READ = "read"
    UPDATE = "update"
    """Read and write a file that exists."""
    CREATE = "create"
    """Read and write a file that must not exist yet (O_CREAT | O_EXCL)."""


class File(Protocol):
    """An open file. Offsets and lengths in bytes.

    Any OSError from `fdatasync`, and from `close` after a write, means that what was not synced may be lost: it is
    raised as DiskFailed, never retried, and the file is not used again. ENOSPC and EDQUOT are StorageFull; other
    errors of reads and writes are DiskFailed.
    """

    async def pread(self, offset: int, length: int) -> bytes:
        """At most `length` bytes; fewer only at the end of the file."""
        ...

    async def pwrite(self, offset: int, *buffers: Buffer) -> None:
        """All buffers, one after the other; not durable. The buffers may be reused on return."""
        ...

    async def fdatasync(self) -> None:
        """Make all that was written before the call durable, the length included."""
        ...

    async def allocate(self, offset: int, length: int) -> None:
        """Reserve space so that later writes cannot fail with StorageFull; the file grows to offset + length."""
        ...

    async def truncate(self, length: int) -> None: ...

    def size(self) -> int: ...

    def descriptor(self) -> int | None:
        """A file descriptor for sendfile, valid until `close`; None where there is none (simulation)."""
        ...

    async def close(self) -> None: ...


class BlockingFile(Protocol):
    """The same for code that is off the loop already (an engine's batch): calls block."""

    def pread(self, offset: int, length: int) -> bytes: ...

    def pwrite(self, offset: int, buffer: Buffer) -> None: ...

    def fdatasync(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Of the file system under a disk, in bytes; `free_bytes` is what an ordinary user may still take."""

    total_bytes: int
    free_bytes: int


class DirectoryLock(Protocol):
    """Held until `release` or the end of the process."""

    def release(self) -> None: ...


class Disk(Protocol):
    """One directory and everything below it. Paths are relative, with `/`, and never come from outside.

    A name (create, rename, unlink, make_dir) is durable only after `sync_dir` of its directory; "" is the root.
    """

    async def open(self, path: str, mode: OpenMode) -> File:
        """Raises: NotFound, AlreadyExists, StorageFull, Throttled (too many open files), DiskFailed."""
        ...

    def open_blocking(self, path: str) -> BlockingFile:
        """Open for reading and writing, created if it is not there (then sync its directory)."""
        ...

    async def exists(self, path: str) -> bool: ...

    async def list(self, path: str) -> list[str]:
        """The names in a directory, sorted; empty if it does not exist."""
        ...

    async def make_dir(self, path: str) -> None:
        """With parents; nothing happens if it exists. Mode 0700."""
        ...

    async def rename(self, source: str, target: str) -> None:
        """Atomic; replaces `target`."""
        ...

    async def unlink(self, path: str) -> None:
        """Raises: NotFound."""
        ...

    async def sync_dir(self, path: str) -> None:
        """Make the names in a directory durable. Raises: NotFound, Throttled (too many open files: nothing was tried);
        any other error is DiskFailed, as of `File.fdatasync`."""
        ...

    async def space(self) -> DiskSpace: ...

    async def drop_cache(self, path: str) -> None:
        """Ask that the next read comes from the device; a hint."""
        ...

    def lock(self, path: str) -> DirectoryLock:
        """Exclusive among processes. Raises: AlreadyExists if another process holds it."""
        ...


@dataclass(frozen=True, slots=True)
class Env:
    """The world as one component sees it."""

    clock: Clock
    rng: Rng
    secrets: Secrets
    cpu: Cpu
    disk: Disk
    crashpoint: Callable[[str], None]
    """Marks a place where a crash is interesting; does nothing in production."""
    buggify: Callable[[str, float], bool]
    """True with this probability in simulation, always False in production."""
