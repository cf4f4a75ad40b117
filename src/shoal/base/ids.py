"""Identities. A chunk id is minted once in the life of a cluster; a replica is one placement of one shard of it."""

import re
from typing import NamedTuple, NewType

from shoal.base.errors import InvalidArgument, check

NodeId = NewType("NodeId", str)
"""32 lower-case hex digits, minted by the node at its first start and kept for ever."""

SessionId = NewType("SessionId", int)
"""u64: catalog incarnation (u16) and counter (u48), minted by the coordinator."""

ChunkId = NewType("ChunkId", bytes)
"""16 bytes: writer session u64, counter u64, both big-endian; byte order is order of minting within a session."""

VersionId = NewType("VersionId", bytes)
"""16 bytes, a UUIDv7: the engine's hybrid clock first, so that byte order is order of commit."""

Instant = NewType("Instant", int)
"""Monotonic nanoseconds of one process; never stored, never sent."""

WallNs = NewType("WallNs", int)
"""Nanoseconds since 1970; may jump."""

Address = NewType("Address", str)
"""`host:port`."""

CHUNK_ID_BYTES = 16
SHARD_MAX = 255
PLACEMENT_MAX = 2**32 - 1
CLIENT_PLACEMENT_MAX = 255
"""Placements 1 to 255 of a chunk belong to the session that uploads it; 256 and up to movers."""

_ADDRESS = re.compile(r"([0-9a-f]{32})\.(0|[1-9][0-9]{0,2})\.([1-9][0-9]{0,9})")
_NODE = re.compile(r"[0-9a-f]{32}")


class ReplicaId(NamedTuple):
    """One placement of one shard of one chunk: the address of bytes on a node. Never reused."""

    chunk: ChunkId
    shard: int
    placement: int

    @property
    def address(self) -> str:
        """The text form used in URLs and logs: `<32 hex>.<shard>.<placement>`."""
        return f"{self.chunk.hex()}.{self.shard}.{self.placement}"


def parse_replica(address: str) -> ReplicaId:
    """Read `ReplicaId.address` strictly. Raises: InvalidArgument."""
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[2]) > SHARD_MAX or int(match[3]) > PLACEMENT_MAX:
        raise InvalidArgument("a replica address is <32 hex digits>.<shard>.<placement>", got=address[:80])
    return ReplicaId(ChunkId(bytes.fromhex(match[1])), int(match[2]), int(match[3]))


def parse_node_id(text: str) -> NodeId:
    """Read a node id strictly. Raises: InvalidArgument."""
    if _NODE.fullmatch(text) is None:
        raise InvalidArgument("a node id is 32 lower-case hex digits", got=text[:80])
    return NodeId(text)


def mint_chunk_id(session: SessionId, counter: int) -> ChunkId:
    """The chunk id number `counter` of `session`."""
    check(0 < session < 2**64 and 0 <= counter < 2**64, "chunk id out of range", session=session, counter=counter)
    return ChunkId(session.to_bytes(8, "big") + counter.to_bytes(8, "big"))


def session_of(chunk: ChunkId) -> SessionId:
    """The session that minted `chunk`."""
    return SessionId(int.from_bytes(chunk[:8], "big"))


def mint_session_id(incarnation: int, counter: int) -> SessionId:
    """The session id number `counter` of one incarnation of the catalog."""
    check(0 < incarnation < 2**16 and 0 <= counter < 2**48, "session id out of range", incarnation=incarnation)
    return SessionId(incarnation << 48 | counter)


def version_text(version: VersionId) -> str:
    """The UUID form that users see."""
    return _hyphenated(version.hex())


def uuid_text(token: bytes) -> str:
    """16 random bytes as a UUID, version 4 (RFC 9562)."""
    number = int.from_bytes(token, "big") & ~(0xF << 76) & ~(0x3 << 62) | 4 << 76 | 2 << 62
    return _hyphenated(f"{number:032x}")


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def parse_file_id(text: str) -> bytes:
    """The 16 bytes of a file id, which is a UUID of any version, in lower case. Raises: InvalidArgument."""
    if _UUID.fullmatch(text) is None:
        raise InvalidArgument("a file id is a UUID; `shoal list` shows them", got=text[:80])
    return bytes.fromhex(text.replace("-", ""))


def file_id_text(file_id: bytes) -> str:
    """The UUID form that users see."""
    return _hyphenated(file_id.hex())


def _hyphenated(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_VERSION = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def parse_version(text: str) -> VersionId:
    """Read the UUID form strictly. Raises: InvalidArgument."""
    if _VERSION.fullmatch(text) is None:
        raise InvalidArgument("a version id is a UUID; `shoal versions NAME` lists them", got=text[:80])
    return VersionId(bytes.fromhex(text.replace("-", "")))
