"""Who may do what on the internal plane, tried on real processes: every control call against every wrong credential.

What is refused is refused with 403, and changes nothing. The table of the calls is that of `core.routes`, so a new
route is tried without anybody thinking of it; one without a sample message fails here.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import pytest

from shoal.base.digests import sha256
from shoal.base.errors import AccessDenied, InvalidArgument, NotFound
from shoal.base.ids import NodeId, SessionId
from shoal.base.units import MINUTE
from shoal.core import routes
from shoal.core.routes import COORDINATOR_ROUTES, Caller, Route
from shoal.core.trust import signing
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.signing import Credential
from shoal.formats import wire
from shoal.model.access_keys import Scope
from shoal.model.cluster import NodeRecord
from shoal.model.messages import buckets, copies, files, nodes, objects, sessions, status
from shoal.model.messages.keys import CreateKey, ListKeys, RevokeKey
from support.insider import Insider, fresh_chunk, node_credential
from support.processes import LocalProcesses
from support.raw_http import Answer, send, send_bytes, statuses

TARGETS = [route.target for route in COORDINATOR_ROUTES]
REMEMBERED = [route for route in COORDINATOR_ROUTES if route.is_remembered]


@dataclass(frozen=True, slots=True)
class Stage:
    """A cluster, who knows its secrets, two of its nodes, and for every route a message that is in order."""

    insider: Insider
    first: NodeRecord
    second: NodeRecord
    samples: dict[str, bytes]

    def rightful(self, route: Route) -> Credential:
        """Who may make this call with its sample."""
        if route.caller is Caller.NODE:
            return node_credential(self.insider.keys, self.first.node_id)
        return self.insider.credential

    def send(self, route: Route, headers: dict[str, str], body: bytes | None = None) -> Answer:
        """The route's sample, or another body, under these headers."""
        sample = self.samples[route.target] if body is None else body
        return send(self.insider.coordinator, "POST", route.target, headers=headers, body=sample)

    def send_as(self, route: Route, credential: Credential, *, late_ns: int = 0) -> Answer:
        """The route's sample, signed by `credential`."""
        sample = self.samples[route.target]
        header = self.insider.authorization(route.target, sample, credential=credential, late_ns=late_ns)
        return self.send(route, {"authorization": header})


@pytest.fixture
def stage(cluster: LocalProcesses) -> Iterator[Stage]:
    """What it all is tried on; afterwards its session must still live."""
    insider = Insider(cluster.data, cluster.endpoint)
    with insider.session() as opened:
        full = opened.delta.full
        assert full is not None
        first, second, *_ = full.nodes
        messages = _samples(first, opened)
        yield Stage(insider, first, second, {target: wire.encode(message) for target, message in messages.items()})
        alive = sessions.SessionHeartbeat(session=opened.session, oldest_lookup=0, map_version=0, done_below=0)
        insider.call(routes.SESSION_HEARTBEAT, alive)


def _samples(node: NodeRecord, opened: sessions.SessionOpened) -> dict[str, object]:
    """By target: a call that would change something, if the route changes anything and the caller is believed."""
    return _node_samples(node) | _session_samples(opened) | _object_samples(opened.session) | _key_samples()


def _node_samples(node: NodeRecord) -> dict[str, object]:
    register = nodes.RegisterNode(
        node_id=node.node_id,
        name=node.name,
        address=node.address,
        zone="elsewhere",
        machine=node.machine,
        device=node.device,
        capacity_bytes=node.capacity_bytes,
        free_bytes=0,
        is_volatile=True,
        seen_incarnation=0,
        seen_commit=0,
    )
    heartbeat = nodes.Heartbeat(
        node_id=node.node_id,
        map_version=0,
        capacity_bytes=node.capacity_bytes,
        free_bytes=0,
        can_write=False,
        is_failed=True,
    )
    return {routes.REGISTER.target: register, routes.HEARTBEAT.target: heartbeat}


def _key_samples() -> dict[str, object]:
    return {
        routes.CREATE_KEY.target: CreateKey(name="intruder", scope=Scope.ADMIN),
        routes.LIST_KEYS.target: ListKeys(),
        routes.REVOKE_KEY.target: RevokeKey("SHOALNOBODY"),
    }


def _session_samples(opened: sessions.SessionOpened) -> dict[str, object]:
    heartbeat = sessions.SessionHeartbeat(session=opened.session, oldest_lookup=0, map_version=0, done_below=1 << 40)
    return {
        routes.MAP.target: sessions.GetMap(),
        routes.OPEN_SESSION.target: sessions.OpenSession(),
        routes.SESSION_HEARTBEAT.target: heartbeat,
        routes.CLOSE_SESSION.target: sessions.CloseSession(opened.session),
        routes.STATUS.target: status.GetStatus(),
    }


def _object_samples(session: SessionId) -> dict[str, object]:
    victim = objects.Name("default", "sentinel")
    commit = objects.Commit(
        sequence=1,
        bucket="default",
        key="intruder",
        size=0,
        chunk_bytes=1,
        root=sha256(b""),
        chunk_count=0,
        placement_key="intruder",
    )
    upload = objects.ChunkUpload(chunk=fresh_chunk(session), size=1, sha256=bytes(32), crc64=0, copies=0, receipts=())
    page = objects.Stage(session=session, manifest=fresh_chunk(session), page=0, chunks=(upload,))
    return {
        routes.STAGE.target: page,
        routes.PAGE.target: objects.GetPage(session, victim, 0),
        routes.COMMIT.target: objects.CommitBatch(session, (commit,)),
        routes.LOOKUP.target: objects.LookupBatch(session, (victim,)),
        routes.DELETE.target: objects.Delete(session=session, sequence=2, name=victim),
        routes.LIST.target: objects.ListObjects(bucket="default"),
        routes.VERSIONS.target: objects.ListVersions(bucket="default", key="sentinel"),
    } | _copy_samples(session, victim)


def _copy_samples(session: SessionId, victim: objects.Name) -> dict[str, object]:
    copy = copies.Copy(session=session, sequence=3, source=victim, bucket="default", key="intruder", file_id="intruder")
    return {
        routes.COPY.target: copy,
        routes.UNDELETE.target: copies.Undelete(session=session, sequence=4, bucket="default", key="sentinel"),
        routes.FIND_FILE.target: files.FindFile("filestore", "5e0f7c1a-0000-4000-8000-000000000001"),
        routes.LIST_FILES.target: files.ListFiles(bucket="filestore"),
        routes.PURGE.target: files.Purge(session=session, sequence=7, bucket="default", key="sentinel"),
        routes.CREATE_BUCKET.target: buckets.CreateBucket(session=session, sequence=5, bucket="intruder"),
        routes.DELETE_BUCKET.target: buckets.DeleteBucket(session=session, sequence=6, bucket="sentinel"),
        routes.LIST_BUCKETS.target: buckets.ListBuckets(),
        routes.USAGE.target: buckets.GetUsage(bucket="default"),
    }


UNKNOWN_KEYS = ("SHOALNOBODY", "node/", "node/" + "0" * 31, "node/" + "G" * 32)

Attack = Callable[[Stage, Route], Iterator[Answer]]
"""Sends one route's sample in ways that must all be refused."""


def no_credentials(stage: Stage, route: Route) -> Iterator[Answer]:
    yield stage.send(route, {})


def malformed_headers(stage: Stage, route: Route) -> Iterator[Answer]:
    good = stage.insider.authorization(route.target, stage.samples[route.target], credential=stage.rightful(route))
    key, time, nonce, mac = good.removeprefix("Shoal-HMAC ").split(",")
    yield stage.send(route, {"authorization": ""})
    for header in (
        "Bearer let-me-in",
        "Basic c2hvYWw6c2hvYWw=",
        f"Shoal-HMAC {key},{time},{nonce}",
        f"Shoal-HMAC {time},{key},{nonce},{mac}",
        f"Shoal-HMAC {key},{time},{nonce},mac=",
        f"Shoal-HMAC {key},{time},{nonce},{mac},{mac}",
        f"Shoal-HMAC {key},{time},{nonce},{mac[:-1]}",
        f"Shoal-HMAC {key},{time},{nonce},{mac.upper()}",
        f"Shoal-HMAC {key},{time},{nonce[:-1]},{mac}",
        f"Shoal-HMAC {key},time=+{time[5:]},{nonce},{mac}",
        f"Shoal-HMAC {key},time=1_{time[5:]},{nonce},{mac}",
        f"Shoal-HMAC {key},time={'9' * 5000},{nonce},{mac}",
        f"Shoal-HMAC key={'A' * 65},{time},{nonce},{mac}",
        f"Shoal-HMAC {key}, {time}, {nonce}, {mac}",
        f"shoal-hmac {good.removeprefix('Shoal-HMAC ')}",
        f"{good}, {good}",
    ):
        yield stage.send(route, {"authorization": header})


def unknown_keys(stage: Stage, route: Route) -> Iterator[Answer]:
    """Also under the secret that unknown keys are measured against, so that they take as long as known ones."""
    for secret, key_id in product((stage.rightful(route).secret, bytes(32)), UNKNOWN_KEYS):
        yield stage.send_as(route, Credential(key_id, secret))


def wrong_secrets(stage: Stage, route: Route) -> Iterator[Answer]:
    key_id = stage.rightful(route).key_id
    for secret in (bytes(1), bytes(32), os.urandom(32), stage.insider.keys.grant_key):
        yield stage.send_as(route, Credential(key_id, secret))


def keys_of_another_cluster(stage: Stage, route: Route) -> Iterator[Answer]:
    other = ClusterKeys(os.urandom(32))
    yield stage.send_as(route, node_credential(other, stage.first.node_id))
    yield stage.send_as(route, Credential("SHOAL0123456789ABCDEF0123", b"its own secret"))


def keys_of_the_wrong_kind(stage: Stage, route: Route) -> Iterator[Answer]:
    """A node where clients call, a client where nodes call; and each with the other's name."""
    node, client = node_credential(stage.insider.keys, stage.first.node_id), stage.insider.credential
    yield stage.send_as(route, client if route.caller is Caller.NODE else node)
    yield stage.send_as(route, Credential(client.key_id, node.secret))
    yield stage.send_as(route, Credential(node.key_id, client.secret))


def nodes_that_speak_of_others(stage: Stage, route: Route) -> Iterator[Answer]:
    if route.caller is Caller.NODE:
        yield stage.send_as(route, node_credential(stage.insider.keys, stage.second.node_id))
        yield stage.send_as(route, node_credential(stage.insider.keys, NodeId("0" * 32)))


def stale_and_early_times(stage: Stage, route: Route) -> Iterator[Answer]:
    for late_ns in (6 * MINUTE, -6 * MINUTE, 400 * 24 * 60 * MINUTE):
        yield stage.send_as(route, stage.rightful(route), late_ns=late_ns)


def altered_bodies(stage: Stage, route: Route) -> Iterator[Answer]:
    sample, credential = stage.samples[route.target], stage.rightful(route)
    for body in (b"", sample + b"\x00", sample[:-1], bytes([sample[0] ^ 1]) + sample[1:]):
        header = stage.insider.authorization(route.target, sample, credential=credential)
        yield stage.send(route, {"authorization": header}, body)


def signatures_for_something_else(stage: Stage, route: Route) -> Iterator[Answer]:
    """For another target, for another method, and with one of the signed fields changed afterwards."""
    sample, credential = stage.samples[route.target], stage.rightful(route)
    sign = stage.insider.authorization
    yield stage.send(route, {"authorization": sign(route.target + "/", sample, credential=credential)})
    yield stage.send(route, {"authorization": sign(route.target, sample, credential=credential, method="GET")})
    good = sign(route.target, sample, credential=credential)
    for pattern in (r"time=\d{12}", r"nonce=.", r"mac=."):
        found = re.search(pattern, good)
        assert found is not None
        digit = good[found.end()]
        at = found.end()
        yield stage.send(route, {"authorization": good[:at] + ("1" if digit == "0" else "0") + good[at + 1 :]})


ATTACKS: tuple[Attack, ...] = (
    no_credentials,
    malformed_headers,
    unknown_keys,
    wrong_secrets,
    keys_of_another_cluster,
    keys_of_the_wrong_kind,
    nodes_that_speak_of_others,
    stale_and_early_times,
    altered_bodies,
    signatures_for_something_else,
)


def test_every_route_has_a_sample(stage: Stage) -> None:
    assert sorted(stage.samples) == sorted(TARGETS)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_every_call_is_refused_to_whoever_may_not_make_it(stage: Stage, attack: Attack) -> None:
    before = stage.insider.state()
    let_in = [
        (route.target, number, answer.status)
        for route in COORDINATOR_ROUTES
        for number, answer in enumerate(attack(stage, route))
        if answer.status != 403 or answer.error.kind != AccessDenied.__name__
    ]
    assert let_in == []
    assert stage.insider.state() == before


def test_every_call_goes_beyond_the_door_for_whoever_may_make_it(stage: Stage) -> None:
    """Without this, the matrix would pass at a coordinator that refuses everybody."""
    for route in COORDINATOR_ROUTES:
        answer = stage.insider.post(route.target, b"\xc1", credential=stage.rightful(route))
        assert (answer.status, answer.error.kind) == (400, InvalidArgument.__name__), route.target
        assert signing.REPLY_MAC in answer.headers


def test_an_unknown_key_is_told_the_same_as_a_wrong_secret(stage: Stage) -> None:
    told = {
        stage.send_as(routes.STATUS, Credential(key_id, b"guessed")).body
        for key_id in (stage.insider.credential.key_id, "SHOALNOBODY", f"node/{stage.first.node_id}", "node/none")
    }
    assert len(told) == 1


def test_a_refusal_at_the_door_carries_no_signature(stage: Stage) -> None:
    for credential in (None, Credential("SHOALNOBODY", b"guessed")):
        headers = {}
        if credential is not None:
            headers = {"authorization": stage.insider.authorization(routes.STATUS.target, b"", credential=credential)}
        assert signing.REPLY_MAC not in stage.send(routes.STATUS, headers, b"").headers


def test_two_authorizations_are_one_too_many(stage: Stage) -> None:
    sample = stage.samples[routes.STATUS.target]
    good = stage.insider.authorization(routes.STATUS.target, sample)
    head = f"POST {routes.STATUS.target} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(sample)}\r\n"
    lines = f"authorization: {good}\r\nauthorization: {good}\r\n\r\n"
    assert statuses(send_bytes(stage.insider.coordinator, (head + lines).encode() + sample)) == [400]


@pytest.mark.parametrize(
    "route", [route for route in COORDINATOR_ROUTES if route.is_remembered], ids=lambda it: it.target
)
def test_a_remembered_call_is_answered_once(stage: Stage, route: Route) -> None:
    sample = stage.samples[route.target]
    headers = {"authorization": stage.insider.authorization(route.target, sample, credential=stage.rightful(route))}
    assert stage.send(route, headers).status != 403
    before = stage.insider.state()
    again = stage.send(route, headers)
    assert (again.status, again.error.kind) == (403, AccessDenied.__name__)
    assert stage.insider.state() == before


UNLISTED = (
    "/",
    "/v1",
    "/v1/",
    "/v1/nodes",
    "/v1/objects/",
    "/v1/status/",
    "/v1/status?x=1",
    "/v1/status%00",
    "/v1//status",
    "/v1/./status",
    "/V1/STATUS",
    "/v1/sessions/open#x",
    "/v1/replicas/" + "0" * 32 + ".0.1",
    "/metrics",
    "/../../etc/passwd",
    "/favicon.ico",
)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_a_call_that_is_not_in_the_table_is_answered_by_nobody(stage: Stage, method: str) -> None:
    listed = TARGETS if method != "POST" else []
    for target in (*UNLISTED, *listed):
        header = stage.insider.authorization(target, b"", method=method)
        answer = send(stage.insider.coordinator, method, target, headers={"authorization": header})
        assert (answer.status, answer.error.kind) == (404, NotFound.__name__), target
        assert set(answer.error.facts) <= {"method", "target"}


def test_a_coordinator_gives_no_secret_away(stage: Stage, cluster: LocalProcesses) -> None:
    """Not in what it answers, and not in what the processes logged while they were attacked."""
    for route in COORDINATOR_ROUTES:
        for attack in ATTACKS:
            for answer in attack(stage, route):
                assert stage.insider.credential.secret not in answer.body
    said = cluster.log.read_text()
    assert stage.insider.credential.secret.decode() not in said
    assert stage.insider.keys.grant_key.hex() not in said
