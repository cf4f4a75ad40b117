"""Receipts in commits and staged pages: a coordinator believes what nodes signed, and nothing that a client says.

Whatever is wrong about a receipt, the name does not appear.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from shoal.base.digests import crc64, sha256
from shoal.base.errors import (
    AccessDenied,
    AlreadyExists,
    InvalidArgument,
    QuorumNotReached,
    ShoalError,
    StaleEpoch,
)
from shoal.base.ids import ChunkId, NodeId, ReplicaId, SessionId
from shoal.base.units import KIB
from shoal.core import routes
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.receipts import ChunkFacts, sign_receipt
from shoal.formats import wire
from shoal.formats.errors import error_of
from shoal.formats.grant import GrantKind
from shoal.model.cluster import NodeRecord
from shoal.model.messages.objects import (
    ChunkUpload,
    Commit,
    CommitBatch,
    CommitReply,
    Delete,
    ListObjects,
    ListVersions,
    Name,
    Stage,
    VersionOutcome,
)
from shoal.model.messages.replicas import Pending, Receipt
from shoal.model.messages.sessions import CloseSession
from support.insider import Insider, client_body, fresh_chunk, put_headers, put_reply, replica_target
from support.processes import LocalProcesses
from support.raw_http import send

PAYLOAD = os.urandom(8 * KIB)
NAME = "believed"


@dataclass(slots=True)
class Writer:
    """A client with one chunk on all three nodes, and real receipts for it."""

    insider: Insider
    session: SessionId
    nodes: tuple[NodeRecord, ...]
    upload: ChunkUpload
    sequence: int = 0

    def store(self, chunk: ChunkId, payload: bytes, *, placements: dict[int, int]) -> tuple[Receipt, ...]:
        """Real receipts for `payload` on nodes by index, each under its placement number, without a forward."""
        headers = put_headers(self.insider.grant(GrantKind.PUT, session=self.session))
        receipts: list[Receipt] = []
        for index, placement in placements.items():
            target = replica_target(ReplicaId(chunk, 0, placement))
            answer = send(self.nodes[index].address, "PUT", target, headers=headers, body=client_body(payload))
            receipts.extend(put_reply(answer).receipts)
        return tuple(receipts)

    def message(self, upload: ChunkUpload, key: str = NAME) -> Commit:
        """A commit of an object of this one chunk."""
        self.sequence += 1
        return Commit(
            sequence=self.sequence,
            bucket="default",
            key=key,
            size=upload.size,
            chunk_bytes=max(1, upload.size),
            root=sha256(upload.sha256 + upload.size.to_bytes(8, "big")),
            chunks=(upload,),
            chunk_count=1,
            placement_key="00000000-0000-4000-8000-000000000000",
        )

    def commit(self, upload: ChunkUpload, key: str = NAME) -> VersionOutcome:
        """What the coordinator makes of it."""
        batch = CommitBatch(self.session, (self.message(upload, key),))
        reply: CommitReply = self.insider.call(routes.COMMIT, batch)
        return reply.outcomes[0]

    def is_visible(self, key: str = NAME) -> bool:
        """Whether a listing has the name."""
        listed = self.insider.call(routes.LIST, ListObjects(bucket="default", prefix=key))
        return any(found.key == key for found in listed.objects)


@pytest.fixture
def writer(cluster: LocalProcesses) -> Iterator[Writer]:
    """A client that has uploaded, and not committed yet."""
    insider = Insider(cluster.data, cluster.endpoint)
    with insider.session() as opened:
        assert opened.delta.full is not None
        chunk = fresh_chunk(opened.session)
        upload = ChunkUpload(
            chunk=chunk, size=len(PAYLOAD), sha256=sha256(PAYLOAD), crc64=crc64(PAYLOAD), copies=0, receipts=()
        )
        made = Writer(insider, opened.session, opened.delta.full.nodes, upload)
        made.upload = replace(upload, receipts=made.store(chunk, PAYLOAD, placements={0: 1, 1: 2, 2: 3}))
        yield made


Forgery = Callable[[Writer], ChunkUpload]


def _with_first(writer: Writer, **changes: object) -> ChunkUpload:
    """The upload with its first receipt changed, and no more than two, which just make a quorum."""
    first, second, _ = writer.upload.receipts
    return replace(writer.upload, receipts=(replace(first, **changes), second))


def _signed(writer: Writer, key: bytes, *, node: NodeId, is_volatile: bool = False) -> ChunkUpload:
    """The upload with a receipt in the first place that somebody signed himself."""
    upload = writer.upload
    facts = ChunkFacts(upload.chunk, upload.size, upload.sha256, upload.crc64)
    own = sign_receipt(key, facts, node=node, shard=0, placement=1, is_volatile=is_volatile)
    return replace(upload, receipts=(own, upload.receipts[1]))


def another_node(writer: Writer) -> ChunkUpload:
    return _with_first(writer, node=writer.nodes[2].node_id)


def a_node_that_is_no_member(writer: Writer) -> ChunkUpload:
    stranger = NodeId(os.urandom(16).hex())
    return _signed(writer, writer.insider.keys.receipt_key(stranger), node=stranger)


def another_cluster(writer: Writer) -> ChunkUpload:
    node = writer.nodes[0].node_id
    return _signed(writer, ClusterKeys(os.urandom(32)).receipt_key(node), node=node)


def another_purpose(writer: Writer) -> ChunkUpload:
    node = writer.nodes[0].node_id
    return _signed(writer, writer.insider.keys.seal_key(node), node=node)


def another_placement(writer: Writer) -> ChunkUpload:
    return _with_first(writer, placement=9)


def no_signature(writer: Writer) -> ChunkUpload:
    return _with_first(writer, mac=b"")


def a_flipped_signature(writer: Writer) -> ChunkUpload:
    mac = writer.upload.receipts[0].mac
    return _with_first(writer, mac=mac[:-1] + bytes([mac[-1] ^ 1]))


def memory_called_disk(writer: Writer) -> ChunkUpload:
    return _with_first(writer, is_volatile=True)


def a_volatile_replica(writer: Writer) -> ChunkUpload:
    node = writer.nodes[0].node_id
    return _signed(writer, writer.insider.keys.receipt_key(node), node=node, is_volatile=True)


def another_chunk(writer: Writer) -> ChunkUpload:
    return replace(writer.upload, chunk=fresh_chunk(writer.session))


def another_size(writer: Writer) -> ChunkUpload:
    return replace(writer.upload, size=writer.upload.size + 1)


def another_digest(writer: Writer) -> ChunkUpload:
    return replace(writer.upload, sha256=sha256(b"what the client would like to have stored"))


def another_checksum(writer: Writer) -> ChunkUpload:
    return replace(writer.upload, crc64=writer.upload.crc64 ^ 1)


def a_chunk_of_another_session(writer: Writer) -> ChunkUpload:
    return replace(writer.upload, chunk=fresh_chunk(SessionId(writer.session + 1)))


@pytest.mark.parametrize(
    "forgery",
    [
        another_node,
        a_node_that_is_no_member,
        another_cluster,
        another_purpose,
        another_placement,
        no_signature,
        a_flipped_signature,
        memory_called_disk,
        a_volatile_replica,
        another_chunk,
        another_size,
        another_digest,
        another_checksum,
        a_chunk_of_another_session,
    ],
    ids=lambda forgery: forgery.__name__,
)
def test_a_forged_or_foreign_receipt_makes_no_object(writer: Writer, forgery: Forgery) -> None:
    before = writer.insider.state()
    assert_refused(writer, forgery(writer), AccessDenied)
    assert writer.insider.state() == before


def assert_refused(writer: Writer, upload: ChunkUpload, kind: type[ShoalError]) -> None:
    """Neither a commit nor a staged page takes it."""
    outcome = writer.commit(upload)
    assert outcome.error is not None
    assert outcome.error.kind == kind.__name__, outcome.error
    page = Stage(session=writer.session, manifest=fresh_chunk(writer.session), page=0, chunks=(upload,))
    with pytest.raises(kind):
        writer.insider.call(routes.STAGE, page)
    assert not writer.is_visible()


def no_receipts(writer: Writer) -> ChunkUpload:
    return replace(writer.upload, receipts=())


def one_of_three(writer: Writer) -> ChunkUpload:
    return replace(writer.upload, receipts=writer.upload.receipts[:1])


def promises(writer: Writer) -> ChunkUpload:
    """What is on its way does not count as durable."""
    pending = tuple(Pending(node.node_id, 0, 10 + number) for number, node in enumerate(writer.nodes))
    return replace(writer.upload, receipts=writer.upload.receipts[:1], pending=pending)


def two_of_one_node(writer: Writer) -> ChunkUpload:
    """Both are real: the node has stored the chunk twice. It is still one disk."""
    again = writer.store(writer.upload.chunk, PAYLOAD, placements={0: 7})
    return replace(writer.upload, receipts=(writer.upload.receipts[0], *again))


@pytest.mark.parametrize(
    "shortage", [no_receipts, one_of_three, promises, two_of_one_node], ids=lambda shortage: shortage.__name__
)
def test_fewer_nodes_than_the_quorum_make_no_object(writer: Writer, shortage: Forgery) -> None:
    assert_refused(writer, shortage(writer), QuorumNotReached)


def test_one_receipt_given_twice_does_not_make_two(writer: Writer) -> None:
    first = writer.upload.receipts[0]
    assert_refused(writer, replace(writer.upload, receipts=(first, first)), InvalidArgument)


def test_one_forged_receipt_spoils_a_quorum_of_real_ones(writer: Writer) -> None:
    """Or a row would say that a node holds what it never had."""
    first, second, third = writer.upload.receipts
    assert_refused(
        writer, replace(writer.upload, receipts=(first, second, replace(third, mac=bytes(16)))), AccessDenied
    )


def test_real_receipts_make_an_object_once(writer: Writer) -> None:
    """The control: what the forgeries were made from is good. The same bytes of the same call again change nothing."""
    message = wire.encode(CommitBatch(writer.session, (writer.message(writer.upload, "real"),)))
    headers = {"authorization": writer.insider.authorization(routes.COMMIT.target, message)}
    replies = [
        send(writer.insider.coordinator, "POST", routes.COMMIT.target, headers=headers, body=message) for _ in range(3)
    ]
    outcomes = [wire.decode(reply.body, CommitReply).outcomes[0] for reply in replies]
    assert outcomes[0].version is not None
    assert outcomes[1:] == outcomes[:1] * 2
    listed = writer.insider.call(routes.VERSIONS, ListVersions(bucket="default", key="real"))
    assert [version.version_id for version in listed.versions] == [outcomes[0].version.version_id]


def test_a_captured_commit_does_not_bring_a_deleted_version_back(writer: Writer) -> None:
    message = wire.encode(CommitBatch(writer.session, (writer.message(writer.upload, "revenant"),)))
    headers = {"authorization": writer.insider.authorization(routes.COMMIT.target, message)}
    first = send(writer.insider.coordinator, "POST", routes.COMMIT.target, headers=headers, body=message)
    outcome = wire.decode(first.body, CommitReply).outcomes[0]
    assert outcome.version is not None
    writer.sequence += 1
    name = Name("default", "revenant", outcome.version.version_id)
    writer.insider.call(routes.DELETE, Delete(session=writer.session, sequence=writer.sequence, name=name))
    send(writer.insider.coordinator, "POST", routes.COMMIT.target, headers=headers, body=message)
    assert not writer.is_visible("revenant")


def test_a_chunk_makes_one_object_only(writer: Writer) -> None:
    """A digest or an id is no claim to bytes: who wants them again uploads them again."""
    assert writer.commit(writer.upload, "once").error is None
    outcome = writer.commit(writer.upload, "twice")
    assert outcome.error is not None
    assert outcome.error.kind == AlreadyExists.__name__
    assert not writer.is_visible("twice")


def test_a_closed_session_commits_nothing(writer: Writer) -> None:
    writer.insider.call(routes.CLOSE_SESSION, CloseSession(writer.session))
    outcome = writer.commit(writer.upload)
    assert outcome.error is not None
    assert isinstance(error_of(outcome.error), StaleEpoch)
    assert not writer.is_visible()
