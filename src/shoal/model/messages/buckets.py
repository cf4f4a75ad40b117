"""Client <-> coordinator: buckets, and how much is in them."""

import msgspec

from shoal.base.ids import SessionId, VersionId
from shoal.model.catalog import Bucket
from shoal.model.messages.objects import LIST_MAX


class CreateBucket(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Make a bucket. One without versions keeps only the newest content of each object; in one with file ids each
    name is found by its file id too, and newest first. The buckets of doors are always as these need them."""

    session: SessionId
    sequence: int
    bucket: str
    is_versioned: bool = True
    has_file_ids: bool = False
    is_deduplicated: bool = True


class BucketCreated(msgspec.Struct, frozen=True, array_like=True):
    """It is there, and empty."""

    bucket: Bucket


class DeleteBucket(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Remove a bucket that has no objects and no versions."""

    session: SessionId
    sequence: int
    bucket: str


class BucketDeleted(msgspec.Struct, frozen=True, array_like=True):
    """It is gone."""

    bucket: str


class ListBuckets(msgspec.Struct, frozen=True, array_like=True):
    """Buckets whose names come after `after`."""

    after: str = ""
    limit: int = LIST_MAX


class BucketList(msgspec.Struct, frozen=True, array_like=True):
    """In byte order of their names; `next_after` is empty on the last page."""

    buckets: tuple[Bucket, ...]
    next_after: str
    commit_number: int


class UsageMark(msgspec.Struct, frozen=True, array_like=True):
    """The last row that was counted: the live version of `key`, or a former one."""

    key: str
    version: VersionId | None = None


class GetUsage(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Count the next rows of a bucket, of names that begin with `prefix`; `after` is what the last answer gave."""

    bucket: str
    prefix: str = ""
    after: UsageMark | None = None


class Usage(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What these rows hold: live objects, former versions that can be brought back, delete markers. Bytes are those
    of the content, once for each version that has it, whatever copies and chunks lie below."""

    objects: int = 0
    object_bytes: int = 0
    former_versions: int = 0
    former_bytes: int = 0
    delete_markers: int = 0


class UsagePart(msgspec.Struct, frozen=True, array_like=True):
    """A part of the count; `next_after` is None with the last one."""

    usage: Usage
    next_after: UsageMark | None
    commit_number: int
