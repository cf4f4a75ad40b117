"""What the file verbs ask of whoever keeps the files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shoal.base.ids import WallNs
from shoal.client.put import Progress
from shoal.ports.transfer import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file. `created_ns` is of its first version, all else of the current one; `versions` newest first, `replicas`
    the nodes that hold its first chunk, in ring order. Ids are texts as their service writes them."""

    file_id: str
    filename: str
    version_id: str
    size: int
    content_type: str
    created_ns: WallNs
    updated_ns: WallNs
    versions: tuple[str, ...]
    replicas: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """A new version of a file, which may be its first."""

    file_id: str
    version_id: str
    size: int
    replicas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FilePage:
    """Some files, newest first, and how many there are in all."""

    files: tuple[FileEntry, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOptions:
    """What may be said about an upload. `copies` 0: as many as the cluster wants; None: as the service does it."""

    copies: int | None
    content_type: str
    progress: Progress


class FileService(Protocol):
    """Files by id. Raises, all: AccessDenied, TransientError.

    What could be no id is NotFound to some services, and InvalidArgument to others."""

    async def upload(self, filename: str, source: Source, options: UploadOptions) -> Uploaded:
        """Make `source` a new version of the file that has this name, or a new file; durable and visible on return.
        Raises: also InvalidArgument, QuorumNotReached, OutcomeUnknown, and what the source raises."""
        ...

    async def list(self, *, skip: int, limit: int) -> FilePage:
        """At most `limit` files behind the `skip` newest."""
        ...

    async def info(self, file_id: str) -> FileEntry:
        """What is known of a file. Raises: also NotFound, InvalidArgument."""
        ...

    async def download(self, file_id: str, path: Path, *, version: str | None) -> int:
        """Write a file, or one version of it, to `path`, which appears or changes only when all is there. Returns its
        size. Raises: also NotFound, InvalidArgument, ChecksumMismatch, ManifestDamaged."""
        ...

    async def delete(self, file_id: str) -> None:
        """Remove all versions of a file for good, and end its id. Raises: also NotFound, InvalidArgument,
        OutcomeUnknown."""
        ...
