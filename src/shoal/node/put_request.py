"""What a PUT of a replica says in its head, read strictly."""

import re
from dataclasses import dataclass

from shoal.base.errors import InvalidArgument
from shoal.base.ids import CLIENT_PLACEMENT_MAX, NodeId, ReplicaId, parse_node_id
from shoal.core import routes
from shoal.core.write_quorum import Target
from shoal.formats.seal import SEAL_BYTES, put_words
from shoal.model.cluster import CHUNK_BYTES_MAX, COPIES_MAX
from shoal.ports.link import Headers

_TARGET = re.compile(r"([0-9a-f]{32})\.([1-9][0-9]{0,2})")
_QUORUM = re.compile(r"[1-9][0-9]?")


@dataclass(frozen=True, slots=True)
class ClientPut:
    """A client's PUT at its primary. `size` is the payload's, without the seal."""

    replica: ReplicaId
    size: int
    targets: tuple[Target, ...]
    spares: tuple[Target, ...]
    quorum: int
    words: bytes
    """What the head says of all this, as the client's seal is bound to it."""


@dataclass(frozen=True, slots=True)
class ForwardedPut:
    """A primary's PUT at another node."""

    replica: ReplicaId
    size: int
    primary: NodeId


def read_put_head(replica: ReplicaId, headers: Headers, *, body_bytes: int) -> ClientPut | ForwardedPut:
    """Raises: InvalidArgument if a header is missing, malformed or one too many, if the body cannot be a replica, or
    if a placement number is not one that an upload may use."""
    size = body_bytes - SEAL_BYTES
    if not 0 <= size <= CHUNK_BYTES_MAX:
        raise InvalidArgument("a replica's body is its bytes, at most 512 MiB, and a seal", body_bytes=body_bytes)
    if replica.placement > CLIENT_PLACEMENT_MAX:
        raise InvalidArgument(f"an upload's placements are 1 to {CLIENT_PLACEMENT_MAX}", got=replica.placement)
    targets = headers.get(routes.TARGETS_HEADER)
    primary = headers.get(routes.PRIMARY_HEADER)
    if primary is None:
        return _read_client_put(replica, size, targets=targets, quorum=headers.get(routes.QUORUM_HEADER))
    if targets is not None:
        raise InvalidArgument("a forwarded PUT has no targets of its own")
    return ForwardedPut(replica, size, parse_node_id(primary))


def _read_client_put(replica: ReplicaId, size: int, *, targets: str | None, quorum: str | None) -> ClientPut:
    if quorum is None or _QUORUM.fullmatch(quorum) is None:
        raise InvalidArgument(f"{routes.QUORUM_HEADER} is a number from 1 to 99", got=(quorum or "")[:20])
    now, separator, later = (targets or "").partition(";")
    if not separator:
        raise InvalidArgument(f"{routes.TARGETS_HEADER} is the targets, a semicolon and the spares")
    words = put_words(replica, size=size, targets=targets or "", quorum=quorum)
    put = ClientPut(replica, size, _read_targets(now), _read_targets(later), int(quorum), words)
    numbers = [replica.placement, *[target.placement for target in (*put.targets, *put.spares)]]
    if len(set(numbers)) != len(numbers):
        raise InvalidArgument("two replicas of a write have one placement number")
    return put


def _read_targets(text: str) -> tuple[Target, ...]:
    entries = text.split(",") if text else []
    if len(entries) > COPIES_MAX:
        raise InvalidArgument(f"a replica goes to at most {COPIES_MAX} nodes", got=len(entries))
    return tuple([_read_target(entry) for entry in entries])


def _read_target(text: str) -> Target:
    match = _TARGET.fullmatch(text)
    if match is None or int(match[2]) > CLIENT_PLACEMENT_MAX:
        raise InvalidArgument("a target is <node id>.<placement>", got=text[:80])
    return Target(NodeId(match[1]), int(match[2]))
