"""Client <-> coordinator: files, which are objects of a bucket with file ids, found by id and listed newest first."""

import msgspec

from shoal.base.ids import NodeId, SessionId, VersionId, WallNs
from shoal.model.catalog import Version

FILES_MAX = 100
"""Files in one page: each entry is read from several rows."""

FILE_VERSIONS_MAX = 100
"""Versions that an entry names; `versions` tells the others."""

FILES_SKIPPED_MAX = 10_000
"""Files that one call may pass over."""


class KnownFile(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One file: its name, the version that is current, and what can be said of both at a glance."""

    file_id: str
    key: str
    created_ns: WallNs
    """When its first version was made, whether that is still there or not."""
    version: Version
    versions: tuple[VersionId, ...]
    """Those with content, newest first; at most the first of a hundred versions."""
    has_more_versions: bool
    nodes: tuple[NodeId, ...]
    """Who has a confirmed replica of chunk 0; nobody, if the file is empty."""


class FindFile(msgspec.Struct, frozen=True, array_like=True):
    """Which name has this file id?"""

    bucket: str
    file_id: str


class FileFound(msgspec.Struct, frozen=True, array_like=True):
    """The file, from one snapshot."""

    file: KnownFile
    commit_number: int


class FileMark(msgspec.Struct, frozen=True, array_like=True):
    """A place in the newest-first order of a bucket: the file made then, with this id."""

    created_ns: WallNs
    file_id: str


class ListFiles(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Live files of a bucket, newest first, after `after`; the first `skip` of those are passed over."""

    bucket: str
    after: FileMark | None = None
    skip: int = 0
    limit: int = FILES_MAX


class FileList(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One page; `next_after` is None on the last one. `total` counts all live files of the bucket, exactly."""

    files: tuple[KnownFile, ...]
    total: int
    next_after: FileMark | None
    commit_number: int


class Purge(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Remove all versions of a name for good, and end its file id. The name is `key`, or, if that is empty, the one
    that `file_id` belongs to. An upload of the same name that comes later makes another file."""

    session: SessionId
    sequence: int
    bucket: str
    key: str = ""
    file_id: str = ""


class Purged(msgspec.Struct, frozen=True, array_like=True):
    """`existed` tells whether there was any version, deleted ones included. Unless `is_complete`, versions are left
    that nobody is shown: sending the same message again goes on."""

    existed: bool
    is_complete: bool
