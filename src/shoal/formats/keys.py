"""Keys of catalog rows, layout 1 (docs/specs/catalog-rows.md).

A key is one prefix byte and components. Text components end in 0x00, which names cannot contain; binary ones have a
fixed length; numbers are big-endian. So byte order is the order of the components, and no key is a prefix of another
one's component by accident.
"""

import re

from shoal.base.errors import ManifestDamaged, check
from shoal.base.ids import ChunkId, NodeId, SessionId, VersionId, WallNs

_END = b"\x00"
_VERSION_BYTES = 16
_ALL_ONES = (1 << 8 * _VERSION_BYTES) - 1
_LIVE = re.compile(rb"o[^\x00]+\x00([^\x00]+)\x00")
_LATEST = (1 << 64) - 1
_NEWEST = re.compile(rb"t[^\x00]+\x00(.{8})(.{16})", re.DOTALL)
_FORMER = re.compile(rb"v[^\x00]+\x00([^\x00]+)\x00.{16}", re.DOTALL)

IDENTITY = b"a"
"""The catalog's own identity; one row."""

SETTINGS = b"as"
"""The settings that every member agrees on; one row."""

Range = tuple[bytes, bytes]


def _text(component: str) -> bytes:
    check("\x00" not in component, "a text component of a key with NUL", component=component)
    return component.encode() + _END


def _after(prefix: bytes) -> bytes:
    """The first key behind all that begin with `prefix`: ids may end in 0xff bytes, but no kind's byte is one."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,))


def under(prefix: bytes) -> Range:
    """All keys that begin with `prefix`."""
    return prefix, _after(prefix)


def bucket(name: str) -> bytes:
    return b"b" + _text(name)


BUCKETS: Range = under(b"b")


def live(bucket_name: str, key: str) -> bytes:
    """The current version of an object."""
    return b"o" + _text(bucket_name) + _text(key)


def live_prefix(bucket_name: str, prefix: str) -> bytes:
    """Begins every live key of the bucket whose name begins with `prefix`."""
    return b"o" + _text(bucket_name) + prefix.encode()


def live_name(row_key: bytes) -> str:
    """The object's name in a key made by `live`. Raises: ManifestDamaged."""
    return _name_in(_LIVE, row_key)


def _name_in(form: re.Pattern[bytes], row_key: bytes) -> str:
    match = form.fullmatch(row_key)
    try:
        if match is not None:
            return match[1].decode()
    except UnicodeDecodeError as exc:
        raise ManifestDamaged("a version has a name that is not UTF-8", row=row_key.hex()) from exc
    raise ManifestDamaged("a row that should be a version has another key", row=row_key.hex())


def _inverted(version: VersionId) -> bytes:
    return (_ALL_ONES ^ int.from_bytes(version, "big")).to_bytes(_VERSION_BYTES, "big")


def version(bucket_name: str, key: str, version_id: VersionId) -> bytes:
    """A version that is not the live one; newest first."""
    return b"v" + _text(bucket_name) + _text(key) + _inverted(version_id)


def versions(bucket_name: str, key: str) -> Range:
    """All versions of one object that are not the live one, newest first."""
    return under(b"v" + _text(bucket_name) + _text(key))


def open_purge(bucket_name: str, key: str) -> bytes:
    """Which versions of an object are being removed for good."""
    return b"p" + _text(bucket_name) + _text(key)


OPEN_PURGES: Range = under(b"p")


def versions_prefix(bucket_name: str, prefix: str) -> bytes:
    """Begins the key of every version that is not live, of names of the bucket that begin with `prefix`."""
    return b"v" + _text(bucket_name) + prefix.encode()


def version_name(row_key: bytes) -> str:
    """The object's name in a key made by `version`. Raises: ManifestDamaged."""
    return _name_in(_FORMER, row_key)


def manifest(manifest_id: bytes) -> bytes:
    """The head of a paged manifest."""
    return b"m" + manifest_id


def manifest_page(manifest_id: bytes, page: int) -> bytes:
    return b"m" + manifest_id + page.to_bytes(4, "big")


def chunk(chunk_id: ChunkId) -> bytes:
    return b"c" + chunk_id


CHUNKS: Range = under(b"c")


def chunks_of(session: SessionId) -> Range:
    """All chunks that a session minted."""
    return under(b"c" + session.to_bytes(8, "big"))


def holding(node: NodeId, chunk_id: ChunkId) -> bytes:
    """What one node holds, or shall hold, of one chunk."""
    return b"h" + bytes.fromhex(node) + chunk_id


def holdings(node: NodeId) -> Range:
    return under(b"h" + bytes.fromhex(node))


def dedup(domain: str, sha256: bytes) -> bytes:
    """The chunk that already has these bytes, within a domain."""
    return b"x" + _text(domain) + sha256


def session(session_id: SessionId) -> bytes:
    return b"s" + session_id.to_bytes(8, "big")


SESSIONS: Range = under(b"s")


def session_in(row_key: bytes) -> SessionId:
    """The id in a key made by `session`."""
    return SessionId(int.from_bytes(row_key[1:9], "big"))


def result(session_id: SessionId, sequence: int) -> bytes:
    """The result of an operation that left no row of its own."""
    return b"i" + session_id.to_bytes(8, "big") + sequence.to_bytes(8, "big")


def results(session_id: SessionId) -> Range:
    return under(b"i" + session_id.to_bytes(8, "big"))


def node(node_id: NodeId) -> bytes:
    return b"n" + bytes.fromhex(node_id)


NODES: Range = under(b"n")


def map_update(map_version: int) -> bytes:
    return b"g" + map_version.to_bytes(8, "big")


MAP_UPDATES: Range = under(b"g")


def lease(name: str) -> bytes:
    return b"l" + _text(name)


def access_key(key_id: str) -> bytes:
    return b"k" + _text(key_id)


ACCESS_KEYS: Range = under(b"k")


def access_key_id(row_key: bytes) -> str:
    """The id in a key made by `access_key`."""
    return row_key[1:-1].decode()


def file(file_id: bytes) -> bytes:
    """Of the faces that address files by id (16 bytes)."""
    return b"f" + file_id


def newest(bucket_name: str, created_ns: int, file_id: bytes) -> bytes:
    """Newest-first order of a bucket, for the faces that need it."""
    return b"t" + _text(bucket_name) + (_LATEST - created_ns).to_bytes(8, "big") + file_id


def newest_files(bucket_name: str) -> Range:
    """All live files of a bucket with file ids, newest first."""
    return under(b"t" + _text(bucket_name))


def newest_in(row_key: bytes) -> tuple[WallNs, bytes]:
    """When the file in a key made by `newest` was made, and its id. Raises: ManifestDamaged."""
    match = _NEWEST.fullmatch(row_key)
    if match is None:
        raise ManifestDamaged("a row that should be a file's has another key", row=row_key.hex())
    return WallNs(_LATEST - int.from_bytes(match[1], "big")), match[2]


def file_count(bucket_name: str, share: int) -> bytes:
    """How many files of one share of the ids a bucket has; shares, so that two uploads seldom write the same row."""
    return b"u" + _text(bucket_name) + bytes((share,))


def file_counts(bucket_name: str) -> Range:
    return under(b"u" + _text(bucket_name))
