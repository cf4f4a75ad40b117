"""Somebody with the join file and the credentials of a cluster: makes calls, grants and receipts as he likes."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from shoal.base.digests import crc64, sha256
from shoal.base.ids import Address, ChunkId, NodeId, ReplicaId, SessionId, WallNs, mint_chunk_id
from shoal.base.units import MILLISECOND, SECOND
from shoal.core import routes
from shoal.core.routes import Route
from shoal.core.trust import signing
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.signing import NODE_KEY_PREFIX, Credential
from shoal.formats import wire
from shoal.formats.errors import error_of
from shoal.formats.grant import Grant, GrantKind, grant_text, seal_grant
from shoal.formats.seal import Seal, pack_seal
from shoal.model.cluster import NodeRecord
from shoal.model.messages.keys import ListKeys
from shoal.model.messages.objects import ListObjects, ListVersions, ObjectList
from shoal.model.messages.replicas import PutReply
from shoal.model.messages.sessions import CloseSession, OpenSession, SessionOpened
from shoal.model.messages.status import ClusterStatus, GetStatus
from shoal.wiring.cluster_files import CREDENTIALS, JOIN, JoinFile, read_credential, read_json, secret_of
from support.raw_http import Answer, send

DEFAULT_GRANT_NS = 60 * SECOND


def node_credential(keys: ClusterKeys, node: NodeId) -> Credential:
    """What a node signs its calls with."""
    return Credential(f"{NODE_KEY_PREFIX}{node}", keys.node_key(node))


class Insider:
    """I speak for one cluster, with its own secrets."""

    def __init__(self, data: Path, coordinator: Address) -> None:
        self.coordinator = coordinator
        self.credential = read_credential(data / CREDENTIALS)
        self.keys = ClusterKeys(secret_of(read_json(data / JOIN, JoinFile)))

    # -- control calls

    def authorization(
        self,
        target: str,
        body: bytes,
        *,
        credential: Credential | None = None,
        late_ns: int = 0,
        method: str = "POST",
        nonce: bytes | None = None,
    ) -> str:
        """The header that signs a call."""
        return signing.sign(
            credential or self.credential,
            method=method,
            target=target,
            body=body,
            wall=WallNs(time.time_ns() - late_ns),
            nonce=nonce or os.urandom(16),
        )

    def post(self, target: str, body: bytes, *, credential: Credential | None = None) -> Answer:
        """A signed call with any body."""
        header = self.authorization(target, body, credential=credential)
        return send(self.coordinator, "POST", target, headers={"authorization": header}, body=body)

    def call(self, route: Route, message: object, *, credential: Credential | None = None) -> Any:
        """The answer to a signed call; its signature is checked. Raises: the error that the coordinator tells."""
        chosen = credential or self.credential
        body, nonce = wire.encode(message), os.urandom(16)
        header = self.authorization(route.target, body, credential=chosen, nonce=nonce)
        answer = send(self.coordinator, "POST", route.target, headers={"authorization": header}, body=body)
        mac = answer.headers.get(signing.REPLY_MAC)
        signing.verify_reply(mac, chosen.secret, nonce=nonce.hex(), status=answer.status, body=answer.body)
        if answer.status != 200:
            raise error_of(answer.error)
        return wire.decode(answer.body, route.reply)

    @contextmanager
    def session(self) -> Iterator[SessionOpened]:
        """A session for a while."""
        opened: SessionOpened = self.call(routes.OPEN_SESSION, OpenSession())
        try:
            yield opened
        finally:
            self.call(routes.CLOSE_SESSION, CloseSession(opened.session))

    def state(self) -> tuple[object, ...]:
        """What a call could have changed, in a form to compare: objects, versions, members, keys."""
        status: ClusterStatus = self.call(routes.STATUS, GetStatus())
        listed: ObjectList = self.call(routes.LIST, ListObjects(bucket="default"))
        versions = [self.call(routes.VERSIONS, ListVersions(bucket="default", key=it.key)) for it in listed.objects]
        members = [replace(node, free_sixteenths=0) for node in status.map.nodes]
        keys = self.call(routes.LIST_KEYS, ListKeys())
        return (status.objects, status.chunks, members, listed.objects, versions, keys)

    def members(self) -> tuple[NodeRecord, ...]:
        """The nodes of the cluster, by name."""
        status: ClusterStatus = self.call(routes.STATUS, GetStatus())
        return status.map.nodes

    # -- data calls

    def grant(
        self,
        kind: GrantKind,
        *,
        valid_ns: int = DEFAULT_GRANT_NS,
        keys: ClusterKeys | None = None,
        **fields: Any,
    ) -> str:
        """A grant as it stands in its header."""
        expires_ms = (time.time_ns() + valid_ns) // MILLISECOND
        return grant_text(seal_grant(Grant(kind=kind, expires_ms=expires_ms, **fields), (keys or self.keys).grant_key))

    def read_grant(self, replica: ReplicaId, node: NodeId) -> str:
        """A grant to read one replica of one node."""
        return self.grant(GrantKind.READ, replica=replica, node=node)

    def holds(self, address: Address, node: NodeId, replica: ReplicaId) -> bool:
        """Whether the node has something under this address."""
        headers = {routes.GRANT_HEADER: self.read_grant(replica, node)}
        answer = send(address, "HEAD", replica_target(replica), headers=headers)
        assert answer.status in (200, 404), answer
        return answer.status == 200

    def fetch(self, address: Address, node: NodeId, replica: ReplicaId) -> bytes:
        """All that the node sends for a replica: table and blocks."""
        answer = self.answer(address, node, replica)
        assert answer.status == 200, answer
        return answer.body

    def answer(self, address: Address, node: NodeId, replica: ReplicaId) -> Answer:
        """What the node says to whoever wants all of a replica."""
        headers = {routes.GRANT_HEADER: self.read_grant(replica, node)}
        return send(address, "GET", replica_target(replica), headers=headers)


def replica_target(replica: ReplicaId) -> str:
    """Where a replica is on its node."""
    return routes.REPLICAS + replica.address


def fresh_chunk(session: SessionId) -> ChunkId:
    """A chunk id of a session that nobody has used."""
    return mint_chunk_id(session, int.from_bytes(os.urandom(6), "big"))


def client_body(payload: bytes) -> bytes:
    """What a client sends as the body of a PUT: payload and seal."""
    return payload + pack_seal(Seal(sha256(payload), crc64(payload)))


def put_headers(grant: str, *, targets: Mapping[NodeId, int] | None = None, quorum: int = 1) -> dict[str, str]:
    """The head of a client's PUT; `targets` are placement numbers by node."""
    listed = ",".join(f"{node}.{placement}" for node, placement in (targets or {}).items())
    return {routes.GRANT_HEADER: grant, routes.TARGETS_HEADER: f"{listed};", routes.QUORUM_HEADER: str(quorum)}


def put_reply(answer: Answer) -> PutReply:
    """What the node says it has stored."""
    assert answer.status == 201, answer.error
    return wire.decode(answer.body, PutReply)
