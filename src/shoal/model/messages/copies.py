"""Client <-> coordinator: versions that are made of other versions, without any bytes."""

import msgspec

from shoal.base.ids import SessionId
from shoal.model.catalog import Version
from shoal.model.messages.objects import Name, Precondition


class Copy(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Make the content of `source`, the current version or the one named, a new current version of `key`. A former
    version copied onto its own name is restored. The precondition is of the target."""

    session: SessionId
    sequence: int
    source: Name
    bucket: str
    key: str
    file_id: str
    """A fresh UUID, for a target that has no file id yet."""
    precondition: Precondition = Precondition()
    content_type: str | None = None
    """None keeps the source's."""
    metadata: dict[str, str] | None = None
    """None keeps the source's."""


class Copied(msgspec.Struct, frozen=True, array_like=True):
    """The new version, durable and visible."""

    version: Version


class Undelete(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Bring a deleted object back as it was."""

    session: SessionId
    sequence: int
    bucket: str
    key: str


class Undeleted(msgspec.Struct, frozen=True, array_like=True):
    """The version that is current again."""

    version: Version
