"""Checks on what callers send, before any row is read: types are right by then, ranges and lengths are not."""

from collections.abc import Mapping

from shoal.base.errors import InvalidArgument
from shoal.base.ids import CHUNK_ID_BYTES, SHARD_MAX, ChunkId, SessionId, VersionId
from shoal.core.catalog.version_ids import VERSION_ID_BYTES
from shoal.core.names import check_bucket, check_key
from shoal.model.cluster import METADATA_BYTES_MAX
from shoal.model.messages.objects import Commit, Name

_U64 = 1 << 64
CONTENT_TYPE_CHARS_MAX = 256
UUID_CHARS_MAX = 64


def check_number(number: int, what: str, *, below: int = _U64) -> int:
    """`number`, if 0 <= number < below. Raises: InvalidArgument."""
    if not 0 <= number < below:
        raise InvalidArgument(f"{what} is out of range", got=number, below=below)
    return number


def check_session_id(session: SessionId) -> SessionId:
    """`session`, if a session can have this number. Raises: InvalidArgument."""
    check_number(session, "the session number")
    return session


def check_version_id(version: VersionId) -> VersionId:
    """`version`, if it has the length of one. Raises: InvalidArgument."""
    if len(version) != VERSION_ID_BYTES:
        raise InvalidArgument("a version id has 16 bytes", got_bytes=len(version))
    return version


def check_chunk_id(chunk: bytes, what: str = "a chunk id") -> ChunkId:
    """`chunk`, if it has the length of an id. Raises: InvalidArgument."""
    if len(chunk) != CHUNK_ID_BYTES:
        raise InvalidArgument(f"{what} has 16 bytes", got_bytes=len(chunk))
    return ChunkId(chunk)


def check_digests(sha256: bytes, crc64: int, *, size: int) -> None:
    """Raises: InvalidArgument unless these can be what is known of a chunk's bytes."""
    if len(sha256) != 32:
        raise InvalidArgument("a SHA-256 has 32 bytes", got_bytes=len(sha256))
    check_number(crc64, "the CRC64NVME")
    check_number(size, "the size")


def check_replica(chunk: bytes, shard: int, *, placement: int) -> None:
    """Raises: InvalidArgument unless a replica can have this address."""
    check_chunk_id(chunk)
    check_number(shard, "the shard", below=SHARD_MAX + 1)
    check_number(placement, "the placement", below=1 << 32)


def check_name(name: Name) -> Name:
    """`name`, if it can name something. Raises: InvalidArgument."""
    check_bucket(name.bucket)
    check_key(name.key)
    if name.version is not None:
        check_version_id(name.version)
    return name


def check_description(commit: Commit) -> None:
    """Raises: InvalidArgument unless what a commit says besides its chunks can be kept."""
    check_bucket(commit.bucket)
    check_key(commit.key)
    check_number(commit.sequence, "the sequence number")
    if commit.precondition.if_version is not None:
        check_version_id(commit.precondition.if_version)
    check_uuid(commit.placement_key, "the placement key")
    check_content_type(commit.content_type)
    check_metadata(commit.metadata)


def check_uuid(text: str, what: str) -> None:
    """Raises: InvalidArgument unless `text` is as long as a UUID at most, and ASCII."""
    if not 1 <= len(text) <= UUID_CHARS_MAX or not text.isascii():
        raise InvalidArgument(f"{what} is a UUID", got=text[:80])


def check_content_type(content_type: str) -> None:
    """Raises: InvalidArgument unless it can be kept."""
    _size_of(content_type)
    if len(content_type) > CONTENT_TYPE_CHARS_MAX:
        raise InvalidArgument(f"a content type has at most {CONTENT_TYPE_CHARS_MAX} characters")


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Raises: InvalidArgument unless it can be kept."""
    size = sum(_size_of(name) + _size_of(value) for name, value in metadata.items())
    if size > METADATA_BYTES_MAX:
        raise InvalidArgument(f"metadata of {size} bytes is too much; it has at most {METADATA_BYTES_MAX}")


def _size_of(text: str) -> int:
    """In bytes. Raises: InvalidArgument for bytes of a command line or a path that are not text."""
    try:
        return len(text.encode())
    except UnicodeEncodeError as exc:
        raise InvalidArgument(f"{text[:80]!a} is not valid UTF-8") from exc
