"""Who calls: one door for nodes and clients, before any message is decoded."""

from dataclasses import dataclass, field

from shoal.base.env import Clock
from shoal.base.errors import AccessDenied
from shoal.base.ids import NodeId, parse_node_id
from shoal.base.units import MILLISECOND
from shoal.coordinator.nonces import NonceMemory
from shoal.core.names import DOOR_BUCKETS
from shoal.core.routes import Caller, Route
from shoal.core.trust import access, signing
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.signing import DOOR_KEY_PREFIX, NODE_KEY_PREFIX, SignedHead
from shoal.model.access_keys import Scope
from shoal.ports.keyring import AccessKey, KeyRing

_DUMMY_SECRET = bytes(32)


@dataclass(frozen=True, slots=True)
class NodeCaller:
    """A node of this cluster."""

    node: NodeId
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCaller:
    """A client with an access key."""

    key: AccessKey

    @property
    def key_id(self) -> str:
        """Of its key."""
        return self.key.key_id

    @property
    def secret(self) -> bytes:
        """Of its key."""
        return self.key.secret


Known = NodeCaller | ClientCaller
"""Somebody whose signature was checked."""


class Authenticator:
    """I say who signed a call, and whether that one may make it."""

    def __init__(self, keys: ClusterKeys, keyring: KeyRing, *, clock: Clock, nonces: NonceMemory) -> None:
        self._keys = keys
        self._keyring = keyring
        self._clock = clock
        self._nonces = nonces

    def authenticate(self, head: SignedHead, *, target: str, body: bytes) -> Known:
        """Believe a signed head. An unknown key costs and tells as much as a wrong secret. Raises: AccessDenied."""
        caller = self._find(head.key_id)
        secret = _DUMMY_SECRET if caller is None else caller.secret
        signing.verify(head, secret, method="POST", target=target, body=body, wall=self._clock.wall())
        if caller is None:
            raise AccessDenied(signing.MISMATCH)
        return caller

    def authorize(self, caller: Known, route: Route, head: SignedHead) -> None:
        """Raises: AccessDenied unless `caller` may call `route`, and has not sent this very call before."""
        match caller:
            case NodeCaller():
                if route.caller is not Caller.NODE:
                    raise AccessDenied("nodes do not make this call")
            case ClientCaller(key=key):
                access.check_call(key, route, wall=self._clock.wall())
        if route.is_remembered:
            until_ns = head.time_ms * MILLISECOND + signing.SKEW_MAX_NS
            self._nonces.remember(head.nonce, until_ns=until_ns, wall=self._clock.wall())

    def authorize_message(self, caller: Known, route: Route, message: object) -> None:
        """Raises: AccessDenied if `message` names a bucket that is none of the caller's."""
        if isinstance(caller, ClientCaller):
            access.check_message(caller.key, route, message)

    def _find(self, key_id: str) -> Known | None:
        if key_id.startswith(DOOR_KEY_PREFIX):
            secret = self._keys.door_key(key_id.removeprefix(DOOR_KEY_PREFIX))
            return ClientCaller(AccessKey(key_id, secret, Scope.WRITE, DOOR_BUCKETS))
        if not key_id.startswith(NODE_KEY_PREFIX):
            key = self._keyring.find(key_id)
            return None if key is None else ClientCaller(key)
        text = key_id.removeprefix(NODE_KEY_PREFIX)
        if len(text) != 32 or text.strip("0123456789abcdef"):
            return None
        node = parse_node_id(text)
        return NodeCaller(node, self._keys.node_key(node))
