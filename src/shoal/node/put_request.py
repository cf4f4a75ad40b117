"""What a PUT of a replica says in its head, read strictly."""

import re
from dataclasses import dataclass

from shoal.base.errors import InvalidArgument
from shoal.base.ids import CLIENT_PLACEMENT_MAX, NodeId, ReplicaId, parse_node_id
from shoal.core import routes
from shoal.core.write_quorum import Target
from shoal.formats.seal import SEAL_BYTES
from shoal.model.cluster import CHUNK_BYTES_MAX, COPIES_MAX
from shoal.ports.link import Headers

_TARGET = re.compile(r"([0-9a-f]{32})\.([1-9][0-9]{0,2})")
_QUORUM = re.compile(r"[1-9][0-9]?")


@dataclass(frozen=True, slots=True)
class PutHead:
    """`primary` is set on a forward, which has no targets of its own. `size` is the payload's, without the seal."""

    replica: ReplicaId
    size: int
    targets: tuple[Target, ...]
    spares: tuple[Target, ...]
    quorum: int
    primary: NodeId | None


def read_put_head(replica: ReplicaId, headers: Headers, *, body_bytes: int) -> PutHead:
    """Raises: InvalidArgument if a header is missing or malformed, or the body cannot be a replica."""
    size = body_bytes - SEAL_BYTES
    if not 0 <= size <= CHUNK_BYTES_MAX:
        raise InvalidArgument("a replica's body is its bytes, at most 512 MiB, and a seal", body_bytes=body_bytes)
    primary = headers.get(routes.PRIMARY_HEADER)
    if primary is not None:
        return PutHead(replica, size, (), (), 1, parse_node_id(primary))
    targets, _, spares = headers.get(routes.TARGETS_HEADER, ";").partition(";")
    quorum = headers.get(routes.QUORUM_HEADER, "")
    if _QUORUM.fullmatch(quorum) is None:
        raise InvalidArgument(f"{routes.QUORUM_HEADER} is a number from 1 to 99", got=quorum[:20])
    return PutHead(replica, size, _read_targets(targets), _read_targets(spares), int(quorum), None)


def _read_targets(text: str) -> tuple[Target, ...]:
    entries = text.split(",") if text else []
    if len(entries) > COPIES_MAX:
        raise InvalidArgument(f"a replica goes to at most {COPIES_MAX} nodes", got=len(entries))
    return tuple(_read_target(entry) for entry in entries)


def _read_target(text: str) -> Target:
    match = _TARGET.fullmatch(text)
    if match is None or int(match[2]) > CLIENT_PLACEMENT_MAX:
        raise InvalidArgument("a target is <node id>.<placement>", got=text[:80])
    return Target(NodeId(match[1]), int(match[2]))
