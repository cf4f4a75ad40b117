"""Keys of a cluster, all derived from one secret that every node has been given (docs/specs/internal-protocol.md).

Source: key separation by HMAC as in RFC 5869 (the secret is 32 random bytes, so there is nothing to extract).
"""

import hmac

from shoal.base.errors import InvalidArgument
from shoal.base.ids import NodeId

SECRET_BYTES = 32
_LABEL = b"shoal/1/"


class ClusterKeys:
    """I derive the keys of one cluster. That takes a microsecond or two, so I keep none of those that name a node."""

    __slots__ = ("_secret", "grant_key")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise InvalidArgument("a cluster secret is 32 bytes", got_bytes=len(secret))
        self._secret = secret
        self.grant_key = self._derive(b"grant")

    def _derive(self, purpose: bytes, context: bytes = b"") -> bytes:
        return hmac.digest(self._secret, _LABEL + purpose + b"\x00" + context, "sha256")

    def node_key(self, node: NodeId) -> bytes:
        """Signs control requests of one node and the replies to it."""
        return self._derive(b"node", node.encode())

    def door_key(self, door: str) -> bytes:
        """Signs what one door (`gateway`) asks for callers who need no key of their own."""
        return self._derive(b"door", door.encode())

    def receipt_key(self, node: NodeId) -> bytes:
        """Signs receipts of one node."""
        return self._derive(b"receipt", node.encode())

    def seal_key(self, node: NodeId) -> bytes:
        """Signs the digest that a primary sends behind the bytes that it forwards."""
        return self._derive(b"seal", node.encode())
