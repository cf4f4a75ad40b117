"""Grants and seals on the data plane of real nodes: every verb against every grant that is not for it.

What is refused is refused with 403 before a byte of a body is stored, and changes nothing.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from shoal.base.digests import crc64, sha256
from shoal.base.errors import AccessDenied, AlreadyExists, InvalidArgument, StaleEpoch
from shoal.base.ids import Address, NodeId, ReplicaId, SessionId
from shoal.base.units import KIB, SECOND
from shoal.core import routes
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.formats.grant import GrantKind
from shoal.formats.grant.v1 import GRANT_BYTES
from shoal.formats.seal import Seal, pack_seal, sign_seal
from shoal.model.cluster import NodeRecord
from support.insider import Insider, client_body, fresh_chunk, put_headers, put_reply, replica_target
from support.processes import LocalProcesses
from support.raw_http import Answer, send

PAYLOAD = os.urandom(70 * KIB)
VERBS = ("PUT", "FORWARD", "GET", "HEAD", "VERIFY", "DELETE")
NEEDED = {
    "PUT": GrantKind.PUT,
    "FORWARD": GrantKind.PUT,
    "GET": GrantKind.READ,
    "HEAD": GrantKind.READ,
    "VERIFY": GrantKind.READ,
    "DELETE": GrantKind.REMOVE,
}
"""What a request must carry a grant of."""


@dataclass(frozen=True, slots=True)
class Vault:
    """A node with a replica in it, and an address where nothing is yet."""

    insider: Insider
    session: SessionId
    node: NodeRecord
    other: NodeRecord
    held: ReplicaId
    free: ReplicaId

    @property
    def address(self) -> Address:
        """Where the node listens."""
        return self.node.address

    def replica_for(self, verb: str) -> ReplicaId:
        """What a verb is tried on: a new address to store at, else the replica that is there."""
        return self.free if verb in ("PUT", "FORWARD") else self.held

    def right_grant(self, verb: str, **changes: object) -> str:
        """The grant that `verb` needs, with some fields changed."""
        fields: dict[str, object] = {"replica": self.replica_for(verb), "node": self.node.node_id}
        match NEEDED[verb]:
            case GrantKind.PUT:
                fields = {"session": self.session}
            case GrantKind.REMOVE:
                fields["epoch"] = 1
        return self.insider.grant(NEEDED[verb], **(fields | changes))  # type: ignore[arg-type]

    def ask(self, verb: str, grant: str | None) -> Answer:
        """One request that is in order but for its grant."""
        replica = self.replica_for(verb)
        headers = {} if grant is None else {routes.GRANT_HEADER: grant}
        match verb:
            case "PUT":
                headers = {**put_headers(""), **headers}
                if grant is None:
                    del headers[routes.GRANT_HEADER]
                return send(self.address, "PUT", replica_target(replica), headers=headers, body=client_body(PAYLOAD))
            case "FORWARD":
                headers[routes.PRIMARY_HEADER] = self.other.node_id
                return send(self.address, "PUT", replica_target(replica), headers=headers, body=self.forward_body())
            case "VERIFY":
                return send(self.address, "POST", replica_target(replica) + "/verify", headers=headers)
        return send(self.address, verb, replica_target(replica), headers=headers)

    def forward_body(self) -> bytes:
        """A payload under the seal of the other node."""
        key = self.insider.keys.seal_key(self.other.node_id)
        facts = {"size": len(PAYLOAD), "sha256": sha256(PAYLOAD), "crc64": crc64(PAYLOAD)}
        return PAYLOAD + pack_seal(sign_seal(key, self.free, **facts))  # type: ignore[arg-type]

    def is_untouched(self) -> bool:
        """The replica is there with all its bytes, and nothing is where nothing was."""
        at = self.address, self.node.node_id
        return self.insider.fetch(*at, self.held).endswith(PAYLOAD) and not self.insider.holds(*at, self.free)


@pytest.fixture
def vault(cluster: LocalProcesses) -> Iterator[Vault]:
    """A node of the cluster, with a replica that was stored under a real session."""
    insider = Insider(cluster.data, cluster.endpoint)
    with insider.session() as opened:
        assert opened.delta.full is not None
        node, other, *_ = opened.delta.full.nodes
        held = ReplicaId(fresh_chunk(opened.session), 0, 1)
        grant = insider.grant(GrantKind.PUT, session=opened.session)
        put_reply(
            send(node.address, "PUT", replica_target(held), headers=put_headers(grant), body=client_body(PAYLOAD))
        )
        free = ReplicaId(fresh_chunk(opened.session), 0, 1)
        yield Vault(insider, opened.session, node, other, held, free)


def refusals(vault: Vault, verb: str, grants: Mapping[str, str | None]) -> dict[str, int]:
    """Those of `grants` that were not refused as they should be, with the status."""
    answers = {name: vault.ask(verb, grant) for name, grant in grants.items()}
    return {
        name: answer.status
        for name, answer in answers.items()
        if answer.status != 403 or (verb != "HEAD" and answer.error.kind != AccessDenied.__name__)
    }


def unreadable_grants(vault: Vault, verb: str) -> Mapping[str, str | None]:
    """What is no grant of this cluster at all."""
    good = vault.right_grant(verb)
    return {
        "none": None,
        "empty": "",
        "garbage": "not a grant!",
        "random": "A" * len(good),
        "one character": "A",
        "truncated": good[:-2],
        "longer": good + "AA",
        "padded": good + "=",
        "twice": good + good,
        "much too long": "A" * 5000,
        "other cluster": vault.right_grant(verb, keys=ClusterKeys(os.urandom(32))),
    }


def unfitting_grants(vault: Vault, verb: str) -> Mapping[str, str | None]:
    """Grants of this cluster that are for something else."""
    replica, node = vault.replica_for(verb), vault.node.node_id
    late = {"expired": vault.right_grant(verb, valid_ns=-SECOND)}
    kinds = {
        kind.name: vault.insider.grant(kind, session=vault.session, replica=replica, node=node, epoch=1 << 30)
        for kind in GrantKind
        if kind is not NEEDED[verb]
    }
    if NEEDED[verb] is GrantKind.PUT:
        sessions = {"other": vault.session + 1, "none": 0, "older": vault.session - 1}
        bound = {f"session {name}": vault.right_grant(verb, session=number) for name, number in sessions.items()}
    else:
        bound = {
            "other chunk": vault.right_grant(verb, replica=replica._replace(chunk=vault.free.chunk)),
            "other placement": vault.right_grant(verb, replica=replica._replace(placement=2)),
            "other shard": vault.right_grant(verb, replica=replica._replace(shard=1)),
            "other node": vault.right_grant(verb, node=vault.other.node_id),
            "no node": vault.right_grant(verb, node=NodeId("0" * 32)),
        }
    if verb == "DELETE":
        bound["no epoch"] = vault.right_grant(verb, epoch=0)
    return late | kinds | bound


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_takes_what_is_no_grant_of_this_cluster(vault: Vault, verb: str) -> None:
    assert refusals(vault, verb, unreadable_grants(vault, verb)) == {}
    assert vault.is_untouched()


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_takes_a_grant_for_something_else(vault: Vault, verb: str) -> None:
    assert refusals(vault, verb, unfitting_grants(vault, verb)) == {}
    assert vault.is_untouched()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_its_own_grant(vault: Vault, verb: str) -> None:
    """Without this, the matrix would pass at a node that refuses everybody."""
    assert vault.ask(verb, vault.right_grant(verb)).status in (200, 201, 204)


def test_a_grant_with_any_character_changed_is_refused(vault: Vault) -> None:
    good = vault.right_grant("GET")
    changed = {str(at): good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in range(len(good))}
    assert len(changed) * 6 >= GRANT_BYTES * 8
    assert refusals(vault, "GET", changed) == {}


def test_a_path_that_is_no_replica_is_refused_whatever_the_grant(vault: Vault) -> None:
    good = vault.held.address
    for target in (
        "/",
        "/v1/status",
        routes.STATUS.target,
        routes.REPLICAS,
        routes.REPLICAS + good + "/",
        routes.REPLICAS + good + "/verify/verify",
        routes.REPLICAS + good.upper(),
        routes.REPLICAS + "../../identity",
        routes.REPLICAS + good.replace(".0.1", ".0.01"),
        routes.REPLICAS + good.replace(".0.1", ".256.1"),
        routes.REPLICAS + good.replace(".0.1", ".0.0"),
        routes.REPLICAS + good.replace(".0.1", ".0.4294967296"),
    ):
        for method in ("GET", "PUT", "DELETE", "POST", "PATCH"):
            assert send(vault.address, method, target).status == 403, (method, target)
            headers = {routes.GRANT_HEADER: vault.right_grant("GET")}
            answer = send(vault.address, method, target, headers=headers)
            assert (answer.status, answer.error.kind) == (400, InvalidArgument.__name__), (method, target)
    assert vault.is_untouched()


# -- seals


def seals(vault: Vault) -> dict[str, tuple[NodeId, Seal]]:
    """Primaries and seals that do not belong together, or not to this forward."""
    keys, node, other = vault.insider.keys, vault.node.node_id, vault.other.node_id
    size, digest, crc = len(PAYLOAD), sha256(PAYLOAD), crc64(PAYLOAD)
    sibling = vault.free._replace(placement=2)

    def sealed(key: bytes, replica: ReplicaId = vault.free, *, size: int = size, digest: bytes = digest) -> Seal:
        return sign_seal(key, replica, size=size, sha256=digest, crc64=crc)

    return {
        "a client's": (other, Seal(digest, crc)),
        "random": (other, Seal(digest, crc, os.urandom(16))),
        "of another node": (other, sealed(keys.seal_key(node))),
        "of another cluster": (other, sealed(ClusterKeys(os.urandom(32)).seal_key(other))),
        "under another key of the node": (other, sealed(keys.receipt_key(other))),
        "for another placement": (other, sealed(keys.seal_key(other), sibling)),
        "for another size": (other, sealed(keys.seal_key(other), size=size + 1)),
        "of another digest": (other, Seal(bytes(32), crc, sealed(keys.seal_key(other)).mac)),
        "of another checksum": (other, Seal(digest, crc ^ 1, sealed(keys.seal_key(other)).mac)),
    }


def test_a_forward_under_a_forged_seal_is_refused(vault: Vault) -> None:
    for name, (primary, seal) in seals(vault).items():
        headers = {routes.GRANT_HEADER: vault.right_grant("PUT"), routes.PRIMARY_HEADER: primary}
        body = PAYLOAD + pack_seal(seal)
        answer = send(vault.address, "PUT", replica_target(vault.free), headers=headers, body=body)
        assert (answer.status, answer.error.kind) == (403, AccessDenied.__name__), name
        assert vault.is_untouched(), name


def test_a_forward_of_other_bytes_than_sealed_is_refused(vault: Vault) -> None:
    body = bytearray(vault.forward_body())
    body[12_345] ^= 1
    headers = {routes.GRANT_HEADER: vault.right_grant("PUT"), routes.PRIMARY_HEADER: vault.other.node_id}
    answer = send(vault.address, "PUT", replica_target(vault.free), headers=headers, body=bytes(body))
    assert (answer.status, answer.error.kind) == (400, InvalidArgument.__name__)
    assert vault.is_untouched()


# -- replays


def test_a_replayed_put_changes_nothing(vault: Vault) -> None:
    headers, target = put_headers(vault.right_grant("PUT")), replica_target(vault.held)
    again = [send(vault.address, "PUT", target, headers=headers, body=client_body(PAYLOAD)) for _ in range(3)]
    assert len({put_reply(answer).receipts for answer in again}) == 1
    other = send(vault.address, "PUT", target, headers=headers, body=client_body(PAYLOAD[::-1]))
    assert (other.status, other.error.kind) == (409, AlreadyExists.__name__)
    longer = send(vault.address, "PUT", target, headers=headers, body=client_body(PAYLOAD + b"x"))
    assert longer.status == 409
    assert vault.is_untouched()


def test_a_delete_under_an_older_epoch_is_refused(vault: Vault) -> None:
    absent = vault.free
    raised = vault.insider.grant(GrantKind.REMOVE, replica=absent, node=vault.node.node_id, epoch=7)
    assert send(vault.address, "DELETE", replica_target(absent), headers={routes.GRANT_HEADER: raised}).status == 204
    for epoch in (1, 6):
        answer = vault.ask("DELETE", vault.right_grant("DELETE", epoch=epoch))
        assert (answer.status, answer.error.kind) == (410, StaleEpoch.__name__)
    assert vault.is_untouched()
