"""Bytes that no client of ours would send, on the ports of real processes: heads, bodies, messages.

Each is answered with a status that says whose fault it is, nothing of it is stored, and the next request is served.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import chain, product
from types import UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from shoal.base.digests import crc64, sha256
from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address, NodeId, ReplicaId, SessionId
from shoal.base.units import KIB, MIB
from shoal.core import routes
from shoal.core.routes import COORDINATOR_ROUTES, Caller
from shoal.core.trust import signing
from shoal.formats import wire
from shoal.formats.grant import GrantKind
from shoal.formats.seal import SEAL_BYTES, Seal, pack_seal
from shoal.model.cluster import CHUNK_BYTES_MAX, NodeRecord
from shoal.model.messages.objects import Commit, CommitBatch, CommitReply, ListObjects, LookupBatch, LookupReply, Name
from support.insider import Insider, client_body, fresh_chunk, node_credential, put_headers, put_reply, replica_target
from support.processes import LocalProcesses, eventually, unfinished_files
from support.raw_http import send, send_bytes, statuses

PIPELINED = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
"""A second request behind one that must end the connection: nobody may answer it."""


# -- heads


def _head(*fields: bytes, line: bytes = b"GET / HTTP/1.1") -> bytes:
    return b"\r\n".join((line, b"host: x", *fields)) + b"\r\n\r\n"


HEADS = {
    "over 16 KiB": (431, _head(*[b"x-%d: " % number + b"a" * 6000 for number in range(3)])),
    "over 16 KiB, unfinished": (431, _head(*[b"x-%d: " % number + b"a" * 6000 for number in range(3)])[:-4]),
    "a line over 8 KiB": (431, _head(b"x: " + b"a" * 8200)),
    "a target over 8 KiB": (431, _head(line=b"GET /" + b"a" * 8200 + b" HTTP/1.1")),
    "101 fields": (431, _head(*[b"x-%d: a" % number for number in range(101)])),
    "two lengths": (400, _head(b"content-length: 0", b"content-length: 0")),
    "two ways to end": (400, _head(b"content-length: 3", b"transfer-encoding: chunked")),
    "chunks": (400, _head(b"transfer-encoding: chunked")),
    "a signed length": (400, _head(b"content-length: +5")),
    "a negative length": (400, _head(b"content-length: -1")),
    "a length in hex": (400, _head(b"content-length: 0x5")),
    "a list of lengths": (400, _head(b"content-length: 5, 5")),
    "a length with an underscore": (400, _head(b"content-length: 1_0")),
    "a length without end": (400, _head(b"content-length: " + b"9" * 40)),
    "a bare LF": (400, b"GET / HTTP/1.1\nhost: x\n\n"),
    "a bare CR": (400, b"GET / HTTP/1.1\rhost: x\r\r"),
    "a folded line": (400, _head(b"x: a", b" b")),
    "a space before the colon": (400, _head(b"content-length : 0")),
    "a NUL": (400, _head(b"x: a\0b")),
    "no name": (400, _head(b": a")),
    "another version": (400, b"GET / HTTP/2.0\r\nhost: x\r\n\r\n"),
    "no version": (400, b"GET /\r\nhost: x\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n"),
    "noise": (400, bytes(range(256)) + b"\r\n\r\n"),
    "an expectation": (417, _head(b"expect: the unexpected")),
}


def test_a_bad_head_is_refused_and_ends_the_connection(cluster: LocalProcesses) -> None:
    for address, (what, (status, head)) in product((cluster.endpoint, cluster.nodes["node-2"]), HEADS.items()):
        assert statuses(send_bytes(address, head, PIPELINED)) == [status], what


def test_a_head_that_just_fits_is_read(cluster: LocalProcesses) -> None:
    fitting = _head(*[b"x-%d: " % number + b"a" * 5000 for number in range(3)], b"connection: close")
    assert len(fitting) < 16 * KIB
    assert statuses(send_bytes(cluster.endpoint, fitting)) == [404]
    assert statuses(send_bytes(cluster.nodes["node-1"], fitting)) == [403]


# -- bodies of PUTs


@dataclass(frozen=True, slots=True)
class Upload:
    """A place for a chunk on all three nodes: the first is its primary."""

    insider: Insider
    nodes: tuple[NodeRecord, ...]
    chunk: bytes
    headers: dict[str, str]

    @property
    def primary(self) -> Address:
        """Where the client sends it."""
        return self.nodes[0].address

    @property
    def target(self) -> str:
        """The address of the primary's replica."""
        return replica_target(self.replica(0))

    def replica(self, index: int) -> ReplicaId:
        """The replica that the node with this index is to have."""
        return ReplicaId(self.chunk, 0, index + 1)  # type: ignore[arg-type]

    def head(self, length: int) -> bytes:
        """The head of the PUT, with any Content-Length."""
        lines = [f"PUT {self.target} HTTP/1.1", "host: x", f"content-length: {length}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def is_nowhere(self) -> bool:
        """No node has anything under this chunk's id."""
        return not any(
            self.insider.holds(node.address, node.node_id, self.replica(index)) for index, node in enumerate(self.nodes)
        )


@pytest.fixture
def upload(cluster: LocalProcesses) -> Iterator[Upload]:
    """A PUT that forwards to both other nodes and waits for them. Afterwards no unfinished file is left."""
    insider = Insider(cluster.data, cluster.endpoint)
    with insider.session() as opened:
        assert opened.delta.full is not None
        nodes = opened.delta.full.nodes
        targets = {node.node_id: number for number, node in enumerate(nodes[1:], start=2)}
        headers = put_headers(insider.grant(GrantKind.PUT, session=opened.session), targets=targets, quorum=3)
        yield Upload(insider, nodes, fresh_chunk(opened.session), headers)
    assert eventually(lambda: unfinished_files(cluster.data) == [])


SIZES = [0, 1, 70_000, 3 * MIB]


def test_a_body_shorter_than_announced_stores_nothing(upload: Upload) -> None:
    for size in SIZES:
        body = client_body(os.urandom(size))
        for missing in (1, SEAL_BYTES, len(body)):
            answered = statuses(send_bytes(upload.primary, upload.head(len(body)), body[:-missing]))
            assert 201 not in answered
            assert upload.is_nowhere()


def test_a_body_longer_than_announced_stores_nothing(upload: Upload) -> None:
    """What was announced does not end in a seal; what follows it is no request."""
    for size in SIZES:
        body = client_body(os.urandom(size))
        answered = statuses(send_bytes(upload.primary, upload.head(len(body)), b"x" + body))
        assert answered in ([400], [400, 400])
        assert upload.is_nowhere()


def test_what_follows_a_body_is_not_part_of_it(upload: Upload) -> None:
    payload = b"as long as it was announced"
    body = client_body(payload)
    stored, *rest = statuses(send_bytes(upload.primary, upload.head(len(body)), body + b"and more\r\n\r\n"))
    assert stored == 201
    assert rest in ([], [400])
    assert all(
        upload.insider.fetch(node.address, node.node_id, upload.replica(index)).endswith(payload)
        for index, node in enumerate(upload.nodes)
    )


def test_a_body_that_cannot_be_a_replica_is_refused_before_it_comes(upload: Upload) -> None:
    for length in (0, 1, SEAL_BYTES - 1, CHUNK_BYTES_MAX + SEAL_BYTES + 1, 2**62):
        assert statuses(send_bytes(upload.primary, upload.head(length), b"x" * min(length, KIB))) == [400], length
    assert upload.is_nowhere()


@pytest.mark.parametrize("size", SIZES)
def test_a_wrong_digest_stores_nothing_anywhere(upload: Upload, size: int) -> None:
    payload = os.urandom(size)
    digest, crc = sha256(payload), crc64(payload)
    for seal in (Seal(digest, crc ^ 1), Seal(sha256(b"other"), crc), Seal(bytes(32), 0, os.urandom(16))):
        answer = send(upload.primary, "PUT", upload.target, headers=upload.headers, body=payload + pack_seal(seal))
        assert (answer.status, answer.error.kind) == (400, InvalidArgument.__name__)
        assert answer.error.sentence.startswith("wrong digest")
        assert upload.is_nowhere()
    body = payload + os.urandom(SEAL_BYTES)
    answer = send(upload.primary, "PUT", upload.target, headers=upload.headers, body=body)
    assert (answer.status, answer.error.kind) == (400, InvalidArgument.__name__)
    assert upload.is_nowhere()


BAD_FIELDS = (
    (routes.QUORUM_HEADER, ("0", "100", "two", "", "1_0")),
    (routes.TARGETS_HEADER, ("", "nobody.2;", f"{'0' * 32}.0;", f"{'0' * 32}.256;", f"{'0' * 32}.1;")),
    (routes.TARGETS_HEADER, (",".join(f"{number:032x}.{number}" for number in range(2, 30)) + ";",)),
    (routes.PRIMARY_HEADER, ("nobody", "")),
)


def test_a_put_with_a_bad_field_stores_nothing(upload: Upload) -> None:
    for header, values in BAD_FIELDS:
        for value in values:
            headers = upload.headers | {header: value}
            answer = send(upload.primary, "PUT", upload.target, headers=headers, body=client_body(b"payload"))
            assert (answer.status, answer.error.kind) == (400, InvalidArgument.__name__), (header, value)
    assert upload.is_nowhere()


def test_targets_that_are_no_members_make_no_quorum(upload: Upload) -> None:
    """The primary keeps what it has stored; nothing of it can be committed."""
    strangers = upload.headers | {routes.TARGETS_HEADER: f"{'0' * 32}.2,{'1' * 32}.3;"}
    answer = send(upload.primary, "PUT", upload.target, headers=strangers, body=client_body(b"payload"))
    assert answer.status == 503
    assert re.match("[01] of 3 replicas that a write needs are stored, and no more can be", answer.error.sentence)


def test_a_bad_range_is_refused(upload: Upload) -> None:
    put_reply(send(upload.primary, "PUT", upload.target, headers=upload.headers, body=client_body(bytes(70_000))))
    grant = upload.insider.read_grant(upload.replica(0), upload.nodes[0].node_id)
    for wanted in ("bytes=5-1", "bytes=-5", "bytes=70000-", "bytes=0-1,3-4", "lines=0-1", "bytes=+1-2", "bytes=0-1_0"):
        headers = {routes.GRANT_HEADER: grant, "range": wanted}
        answer = send(upload.primary, "GET", upload.target, headers=headers)
        assert (answer.status, answer.error.kind) == (400, InvalidArgument.__name__), wanted


# -- messages


BODIES = {
    "nothing": b"",
    "no MessagePack": b"\xc1",
    "nil": b"\xc0",
    "text": b"\xa5hello",
    "a map": b"\x81\xa1a\x01",
    "cut short": b"\x9f",
    "an array of billions": b"\xdd\xff\xff\xff\xff",
    "bytes of billions": b"\x91\xc6\xff\xff\xff\xff",
    "nesting without end": b"\x91" * 100_000,
    "JSON": b'{"session": 1}',
}


def test_a_signed_call_with_no_message_in_it_is_refused(cluster: LocalProcesses) -> None:
    insider = Insider(cluster.data, cluster.endpoint)
    node = node_credential(insider.keys, insider.members()[0].node_id)
    for route, (what, body) in product(COORDINATOR_ROUTES, BODIES.items()):
        credential = node if route.caller is Caller.NODE else insider.credential
        answer = insider.post(route.target, body, credential=credential)
        assert (answer.status, answer.error.kind) == (400, InvalidArgument.__name__), (route.target, what)
        assert signing.REPLY_MAC in answer.headers


PLAUSIBLE: dict[str, object] = {
    "bucket": "default",
    "key": "spoiled",
    "chunks": (),
    "chunk_count": 0,
    "size": 0,
    "root": sha256(b""),
    "address": "127.0.0.1:1",
}
"""By name of a field: what gets a message past the first checks of its handler. Other fields have it by their type."""

HOSTILE: tuple[object, ...] = (None, -1, 0, 2**63, 2**64 - 1, "", "x" * 2000, "a\0b", b"", bytes(33), [], True, 1.5, {})


def plausible(kind: Any, known: dict[str, object]) -> Any:
    """A value of this type; fields of messages that are `known` by their names have that value."""
    if isinstance(kind, NewType):
        return plausible(kind.__supertype__, known)
    if get_origin(kind) in (Union, UnionType):
        return plausible(get_args(kind)[0], known)
    if get_origin(kind) is tuple:
        return (plausible(get_args(kind)[0], known),)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind)
        fields = {name: known[name] if name in known else plausible(hints[name], known) for name in hints}
        return kind(**{name: value for name, value in fields.items() if name in kind.__struct_fields__})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    return {int: 1, str: "x", bytes: bytes(16), bool: False, float: 1.0}.get(kind, {})


def spoiled(message: Any) -> Iterator[Any]:
    """The parts of a message with one of them replaced by something hostile, one after the other."""
    yield from HOSTILE
    if isinstance(message, list):
        for index, part in enumerate(message):
            for other in spoiled(part):
                yield [*message[:index], other, *message[index + 1 :]]


def test_no_field_of_any_call_can_break_its_handler(cluster: LocalProcesses) -> None:
    """Every field of every call, rightly signed, with every hostile value: whatever is wrong, it is no bug."""
    insider = Insider(cluster.data, cluster.endpoint)
    members = insider.members()
    stranger = NodeId(os.urandom(16).hex())
    for route in COORDINATOR_ROUTES:
        is_nodes = route.caller is Caller.NODE
        credential = node_credential(insider.keys, stranger) if is_nodes else insider.credential
        with insider.session() as opened:
            known = PLAUSIBLE | {"session": opened.session, "node_id": stranger, "name": members[0].name}
            one_chunk = {"chunk": fresh_chunk(opened.session), "size": 1, "chunk_count": 1, "node": members[0].node_id}
            with_chunk = {name: value for name, value in known.items() if name != "chunks"} | one_chunk
            samples = {wire.encode(plausible(route.request, values)) for values in (known, with_chunk)}
            for parts in chain.from_iterable(spoiled(msgspec.msgpack.decode(sample)) for sample in sorted(samples)):
                if route is routes.REGISTER and (not isinstance(parts, list) or parts[1:2] != [members[0].name]):
                    continue  # under a name that is not taken it would become a member
                answer = insider.post(route.target, msgspec.msgpack.encode(parts), credential=credential)
                assert answer.status != 500, (route.target, parts)
                assert signing.REPLY_MAC in answer.headers, (route.target, parts)
    assert [member.name for member in insider.members()] == [member.name for member in members]


def test_a_control_call_that_is_too_large_is_refused(cluster: LocalProcesses) -> None:
    insider = Insider(cluster.data, cluster.endpoint)
    for route in COORDINATOR_ROUTES:
        header = insider.authorization(route.target, b"")
        head = (
            f"POST {route.target} HTTP/1.1\r\nhost: x\r\nauthorization: {header}\r\ncontent-length: 100000000\r\n\r\n"
        )
        assert statuses(send_bytes(cluster.endpoint, head.encode(), bytes(KIB))) == [400]


BAD_KEYS = {
    "empty": b"",
    "NUL": b"a\0b",
    "too long": b"x" * 1025,
    "not UTF-8": b"a\xffb",
    "a surrogate": b"\xed\xa0\x80",
}


def test_a_bad_name_in_a_signed_call_is_refused(cluster: LocalProcesses) -> None:
    """Also to somebody who asked no client of ours first."""
    insider = Insider(cluster.data, cluster.endpoint)
    with insider.session() as opened:
        before = insider.state()
        for refused, (what, key) in product((_committing, _looking_up, _listing), BAD_KEYS.items()):
            kinds = refused(insider, opened.session, key)
            assert kinds == {InvalidArgument.__name__}, (refused.__name__, what)
        assert insider.state() == before


def _spelled(message: object, key: bytes) -> bytes:
    """`message` with the key `PLACEHOLDER` spelled in bytes that need not be text."""
    placeholder, sized = b"\xabPLACEHOLDER", b"\xda" + len(key).to_bytes(2, "big") + key
    encoded = wire.encode(message)
    assert encoded.count(placeholder) == 1
    return encoded.replace(placeholder, sized)


def _committing(insider: Insider, session: SessionId, key: bytes) -> set[str]:
    commit = Commit(
        sequence=1,
        bucket="default",
        key="PLACEHOLDER",
        size=0,
        chunk_bytes=1,
        root=sha256(b""),
        chunk_count=0,
        placement_key="key",
    )
    answer = insider.post(routes.COMMIT.target, _spelled(CommitBatch(session, (commit,)), key))
    if answer.status != 200:
        return {answer.error.kind}
    return {str(outcome.error and outcome.error.kind) for outcome in wire.decode(answer.body, CommitReply).outcomes}


def _looking_up(insider: Insider, session: SessionId, key: bytes) -> set[str]:
    batch = LookupBatch(session, (Name("default", "PLACEHOLDER"),))
    answer = insider.post(routes.LOOKUP.target, _spelled(batch, key))
    if answer.status != 200:
        return {answer.error.kind}
    return {str(found.error and found.error.kind) for found in wire.decode(answer.body, LookupReply).found}


def _listing(insider: Insider, _session: SessionId, key: bytes) -> set[str]:
    if not key:
        return {InvalidArgument.__name__}  # the empty prefix is every name's
    answer = insider.post(routes.LIST.target, _spelled(ListObjects(bucket="default", prefix="PLACEHOLDER"), key))
    return {answer.error.kind}
