"""A client's PUT at its primary: stored here, forwarded as it arrives, answered when the quorum is durable.

`core.write_quorum` decides who is waited for, who stands in, and when to answer; this module carries it out. Until the
payload has come whole and is what its seal says, an error undoes everything: no target has been given a seal, so none
can take the bytes for a replica. From then on nothing is undone. The local copy and the forwards are tasks of the node
and go on behind the answer; whatever they store is true, whether the client hears of it or not.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import assert_never

from shoal.base.digests import Buffer, crc64, sha256
from shoal.base.errors import (
    AlreadyExists,
    CallerError,
    CorruptionError,
    DiskFailed,
    InvalidArgument,
    InvariantBroken,
    QuorumNotReached,
    ShoalError,
    TransientError,
)
from shoal.base.ids import NodeId, ReplicaId
from shoal.base.units import KIB
from shoal.core.trust.receipts import ChunkFacts
from shoal.core.write_quorum import (
    Answer,
    BodyDone,
    Command,
    DropTarget,
    Event,
    LocalFailed,
    LocalStored,
    Refuse,
    StartSpare,
    Target,
    TargetFailed,
    TargetStalled,
    TargetStored,
    WriteQuorum,
)
from shoal.formats import wire
from shoal.formats.seal import check_bound
from shoal.model.messages.replicas import Failed, Pending, PutReply, Receipt
from shoal.node.feeds import Feeds
from shoal.node.forward import Copy, Forwarder
from shoal.node.keeping import Keeping
from shoal.node.put_request import ClientPut
from shoal.node.replica_body import ReplicaBody
from shoal.ports.chunk_store import ReplicaWriter, StoredReplica
from shoal.ports.link import IncomingBody, Reply
from shoal.ports.log import Log

Spawn = Callable[[Coroutine[None, None, None], str], "asyncio.Task[None]"]
"""Starts a named task that belongs to the node and may outlive the request. Raises: Throttled."""

WHOLE_MAX = 64 * KIB
"""Payloads up to this are taken whole before they are forwarded: no queues, one write each."""

_Send = Callable[[Copy], Coroutine[None, None, Receipt]]


class PrimaryPut:
    """I carry out one PUT: call `run` once."""

    def __init__(
        self,
        keeping: Keeping,
        forwarder: Forwarder,
        put: ClientPut,
        *,
        grant: str,
        spawn: Spawn,
        stall_ns: int,
        log: Log,
    ) -> None:
        """Raises: InvalidArgument or QuorumNotReached if the named nodes cannot be a quorum."""
        self._keeping = keeping
        self._forwarder = forwarder
        self._put = put
        self._grant = grant
        self._spawn = spawn
        self._log = log
        local = Target(keeping.node, put.replica.placement)
        self._machine = WriteQuorum(local, put.targets, spares=put.spares, quorum=put.quorum)
        self._feeds = Feeds(must_wait_for=self._machine.must_wait_for, on_stall=self._stalled, stall_ns=stall_ns)
        self._forwards: dict[NodeId, asyncio.Task[None]] = {}
        self._receipts: dict[NodeId, Receipt] = {}
        self._stored: StoredReplica | None = None
        self._is_local_lost = False
        self._outcome: asyncio.Future[Answer | Refuse] = asyncio.get_running_loop().create_future()

    async def run(self, body: IncomingBody) -> Reply:
        """The reply with W receipts; with the one of this node if it holds the same replica already.

        Raises: InvalidArgument (a wrong digest or length), OutcomeUnknown and DeadlineExceeded (the client broke off
        or is too slow), AlreadyExists, StorageFull, Throttled and DiskFailed (nothing was taken), QuorumNotReached.
        """
        incoming = ReplicaBody(body, self._put.size)
        begun = await self._keeping.begin(self._put.replica, self._put.size)
        if isinstance(begun, StoredReplica):
            seal = await incoming.skip()
            check_bound(seal, self._put.words)
            return self._keeping.receipt_again(begun, seal, self._put.size)
        try:
            facts = await self._take(incoming, begun)
            self._keeping.env.crashpoint("node.primary.received")
            self._spawn(self._store(begun, facts), "store replica")
        except BaseException:
            self._cut_all()
            await begun.abandon()
            raise
        self._happened(BodyDone())
        return self._reply(self._require_quorum(await self._outcome), facts)

    def stop(self) -> None:
        """The node stops: nothing that is under way will end. Whoever waits for the answer is refused."""
        self._cut_all()
        self._conclude(Refuse("the primary is stopping", (), ()))

    # -- taking the payload in

    async def _take(self, incoming: ReplicaBody, writer: ReplicaWriter) -> ChunkFacts:
        if self._put.size <= WHOLE_MAX:
            return await self._take_whole(incoming, writer)
        return await self._take_frames(incoming, writer)

    async def _take_whole(self, incoming: ReplicaBody, writer: ReplicaWriter) -> ChunkFacts:
        payload = await incoming.whole()
        facts = await self._checked(incoming, sha256(payload), crc64(payload))
        for target in self._put.targets:
            self._start(target, partial(self._forwarder.send, payload=payload, facts=facts))
        await self._write(writer, payload)
        return facts

    async def _take_frames(self, incoming: ReplicaBody, writer: ReplicaWriter) -> ChunkFacts:
        for target in self._put.targets:
            feed = self._feeds.open(target.node, self._put.size)
            self._start(target, partial(self._forwarder.send_fed, feed=feed))
        hashing = self._keeping.env.cpu.digest()
        while frame := await incoming.next_frame():
            await hashing.update(frame)
            await self._feeds.give(frame)
            await self._write(writer, frame)
            if self._outcome.done():  # refused: the client need not send the rest
                self._require_quorum(self._outcome.result())
        facts = await self._checked(incoming, *await hashing.finish())
        replicas = {target.node: self._replica_at(target) for target in self._put.targets}
        self._feeds.finish(facts, lambda node: self._forwarder.seal(replicas[node], facts))
        return facts

    async def _checked(self, incoming: ReplicaBody, digest: bytes, crc: int) -> ChunkFacts:
        seal = await incoming.seal()
        if (seal.sha256, seal.crc64) != (digest, crc):
            raise InvalidArgument("wrong digest: the bytes are not those that were announced; nothing was stored")
        check_bound(seal, self._put.words)
        return ChunkFacts(self._put.replica.chunk, self._put.size, digest, crc)

    async def _write(self, writer: ReplicaWriter, frame: Buffer) -> None:
        if self._is_local_lost:
            return
        try:
            await writer.write(frame)
        except (DiskFailed, TransientError) as exc:
            self._lose_local(exc)

    # -- the replica on this node

    async def _store(self, writer: ReplicaWriter, facts: ChunkFacts) -> None:
        try:
            if self._is_local_lost:
                return
            self._stored = await writer.finish(facts.sha256)
        except (DiskFailed, TransientError, AlreadyExists) as exc:
            self._lose_local(exc)
            return
        finally:
            await writer.abandon()
        self._keeping.env.crashpoint("node.primary.stored")
        self._receipts[self._keeping.node] = self._keeping.kept(self._stored)
        self._happened(LocalStored())

    def _lose_local(self, error: ShoalError) -> None:
        self._is_local_lost = True
        self._log.error("local_replica_lost", replica=self._put.replica.address, why=error.sentence)
        if isinstance(error, DiskFailed):
            self._keeping.on_disk_trouble()
        self._happened(LocalFailed(error.sentence))

    # -- what happened, and what follows

    def _happened(self, event: Event) -> None:
        for command in self._machine.handle(event, self._keeping.env.clock.now()):
            self._do(command)

    def _do(self, command: Command) -> None:
        match command:
            case StartSpare(node, placement):
                self._start_from_store(Target(node, placement))
            case DropTarget(node):
                self._cut(node)
            case Refuse():
                self._cut_all()
                self._conclude(command)
            case Answer():
                self._conclude(command)
            case _:
                assert_never(command)

    def _conclude(self, outcome: Answer | Refuse) -> None:
        if not self._outcome.done():  # else whoever waited for it is gone
            self._outcome.set_result(outcome)

    def _stalled(self, node: NodeId) -> None:
        self._log.warning("forward_stalled", replica=self._put.replica.address, node=node)
        self._happened(TargetStalled(node))

    # -- forwards

    def _replica_at(self, target: Target) -> ReplicaId:
        return self._put.replica._replace(placement=target.placement)

    def _start(self, target: Target, send: _Send) -> None:
        copy = Copy(target.node, self._replica_at(target), self._grant)
        self._forwards[target.node] = self._spawn(self._forward(copy, send), f"forward to {target.node}")

    def _start_from_store(self, target: Target) -> None:
        if self._stored is None:
            raise InvariantBroken("a copy was asked for before there was one here", node=target.node)
        self._start(target, partial(self._forwarder.send_stored, store=self._keeping.store, stored=self._stored))

    async def _forward(self, copy: Copy, send: _Send) -> None:
        event: Event
        try:
            self._receipts[copy.node] = await send(copy)
            event = TargetStored(copy.node)
        except (TransientError, CallerError, CorruptionError, DiskFailed) as exc:
            # Of this class of errors none is a bug here: the target, or the way to it, has failed; a spare stands in.
            self._log.info("forward_failed", replica=copy.replica.address, node=copy.node, why=exc.sentence)
            event = TargetFailed(copy.node, exc.sentence)
        if self._forwards.get(copy.node) is asyncio.current_task():  # else it was cut, and what it did tells nothing
            del self._forwards[copy.node]
            self._feeds.stop(copy.node)
            self._happened(event)

    def _cut(self, node: NodeId) -> None:
        forward = self._forwards.pop(node, None)
        if forward is not None:
            forward.cancel()
        self._feeds.stop(node)

    def _cut_all(self) -> None:
        for node in list(self._forwards):
            self._cut(node)

    # -- the answer

    def _require_quorum(self, outcome: Answer | Refuse) -> Answer:
        if isinstance(outcome, Refuse):
            raise QuorumNotReached(outcome.why, replica=self._put.replica.address)
        return outcome

    def _reply(self, outcome: Answer, facts: ChunkFacts) -> Reply:
        shard = self._put.replica.shard
        reply = PutReply(
            size=facts.size,
            sha256=facts.sha256,
            crc64=facts.crc64,
            receipts=tuple([self._receipts[node] for node in outcome.stored]),
            pending=tuple([Pending(target.node, shard, target.placement) for target in outcome.pending]),
            failed=tuple([Failed(target.node, target.placement, target.why) for target in outcome.failed]),
        )
        return Reply(201, {}, wire.encode(reply))
