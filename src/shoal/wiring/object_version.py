"""What the doors tell their users: nouns with texts and times, where the inside has numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shoal.base.ids import VersionId, WallNs, parse_version, version_text
from shoal.core.names import ObjectName
from shoal.model.catalog import Bucket, Version, VersionKind
from shoal.model.messages.objects import ListedObject, Precondition

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """One immutable state of an object. `size` in bytes; `created` in UTC."""

    bucket: str
    key: str
    version: str
    size: int
    created: datetime
    content_type: str = ""
    is_delete_marker: bool = False
    """The object was deleted at this point; there is no content."""
    metadata: Mapping[str, str] | None = None
    """None in listings, which do not tell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketInfo:
    """A name space for objects. Without versions it keeps only the newest content of each. `created` in UTC."""

    name: str
    created: datetime
    is_versioned: bool


def version_told(name: ObjectName, version: Version) -> ObjectVersion:
    """A version of the object `name`."""
    return ObjectVersion(
        bucket=name.bucket,
        key=name.key,
        version=version_text(version.version_id),
        size=version.size,
        created=_moment(version.created_ns),
        content_type=version.content_type,
        is_delete_marker=version.kind is VersionKind.DELETE_MARKER,
        metadata=version.metadata,
    )


def entry_told(bucket: str, entry: ListedObject) -> ObjectVersion:
    """An entry of a listing of `bucket`."""
    return ObjectVersion(
        bucket=bucket,
        key=entry.key,
        version=version_text(entry.version),
        size=entry.size,
        created=_moment(entry.created_ns),
        content_type=entry.content_type,
    )


def bucket_told(bucket: Bucket) -> BucketInfo:
    """A bucket."""
    return BucketInfo(name=bucket.name, created=_moment(bucket.created_ns), is_versioned=bucket.is_versioned)


def version_asked(text: str | None) -> VersionId | None:
    """The version that a user named, if one was. Raises: InvalidArgument."""
    return None if text is None else parse_version(text)


def precondition_asked(*, if_absent: bool = False, if_version: str | None) -> Precondition:
    """What a user demands of the current version. Raises: InvalidArgument."""
    return Precondition(if_absent=if_absent, if_version=version_asked(if_version))


def _moment(created_ns: WallNs) -> datetime:
    return _EPOCH + timedelta(microseconds=created_ns // 1000)
