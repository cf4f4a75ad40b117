"""A client's PUT at its primary: stored here, forwarded as it arrives, answered when the quorum is durable.

Frames flow to the store and to each target; `core.write_quorum` decides who is waited for, who stands in, and when to
answer. What is still under way then goes on behind, in tasks of the node.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import assert_never

from shoal.base.digests import Buffer, crc64, sha256
from shoal.base.errors import DiskFailed, InvalidArgument, QuorumNotReached, ShoalError, StorageFull
from shoal.base.ids import NodeId, ReplicaId
from shoal.base.units import KIB
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
from shoal.model.messages.replicas import Failed, Pending, PutReply, Receipt
from shoal.node.forward import Forwarder, FrameFeed, PayloadDigest
from shoal.node.keeping import Keeping, reply_with
from shoal.node.put_request import PutHead
from shoal.node.replica_body import ReplicaBody
from shoal.ports.chunk_store import ReplicaWriter, StoredReplica
from shoal.ports.link import IncomingBody, Reply, Stream
from shoal.ports.log import Log

Spawn = Callable[[Coroutine[None, None, None], str], "asyncio.Task[None]"]
"""Starts a named task that belongs to the node and may outlive the request."""

WHOLE_MAX = 64 * KIB
"""Payloads up to this are taken whole before they are forwarded: no queues, one write each."""


class PrimaryPut:
    """I carry out one PUT: call `run` once."""

    def __init__(
        self,
        keeping: Keeping,
        forwarder: Forwarder,
        head: PutHead,
        *,
        grant: str,
        spawn: Spawn,
        stall_ns: int,
        log: Log,
    ) -> None:
        self._keeping = keeping
        self._forwarder = forwarder
        self._head = head
        self._grant = grant
        self._spawn = spawn
        self._stall_ns = stall_ns
        self._log = log
        local = Target(keeping.node, head.replica.placement)
        self._machine = WriteQuorum(local, head.targets, spares=head.spares, quorum=head.quorum)
        self._feeds: dict[NodeId, FrameFeed] = {}
        self._forwards: dict[NodeId, asyncio.Task[None]] = {}
        self._receipts: dict[NodeId, Receipt] = {}
        self._stored: StoredReplica | None = None
        self._is_local_lost = False
        self._outcome: asyncio.Future[Answer | Refuse] = asyncio.get_running_loop().create_future()

    async def run(self, body: IncomingBody) -> Reply:
        """The reply with W receipts. Raises: InvalidArgument (a wrong digest or length), StorageFull and DiskFailed
        (before anything was taken), QuorumNotReached, OutcomeUnknown (the client broke off)."""
        incoming = ReplicaBody(body, self._head.size)
        writer = await self._keeping.store.create(self._head.replica, stored_bytes=self._head.size)
        try:
            if self._head.size <= WHOLE_MAX:
                digest = await self._take_whole(incoming, writer)
            else:
                digest = await self._take_stream(incoming, writer)
            self._keeping.env.crashpoint("node.primary.received")
            self._happened(BodyDone())
            await self._finish(writer, digest)
        except BaseException:
            await self._break_off()
            raise
        finally:
            await writer.abandon()
        return self._reply(await self._outcome, digest)

    # -- taking the body in

    async def _take_whole(self, incoming: ReplicaBody, writer: ReplicaWriter) -> PayloadDigest:
        payload = b"".join([bytes(frame) async for frame in incoming.payload()])
        digest = PayloadDigest(len(payload), sha256(payload), crc64(payload))
        await self._check_seal(incoming, digest)
        await self._write(writer, payload)
        for target in self._head.targets:
            replica = self._replica_at(target)
            self._start(target, payload + self._forwarder.seal(replica, digest))
        return digest

    async def _take_stream(self, incoming: ReplicaBody, writer: ReplicaWriter) -> PayloadDigest:
        for target in self._head.targets:
            feed = self._feeds[target.node] = FrameFeed(self._head.size)
            self._start(target, feed.stream)
        hashing = self._keeping.env.cpu.digest()
        async for frame in incoming.payload():
            await hashing.update(frame)
            await self._feed_all(frame)
            await self._write(writer, frame)
            if self._outcome.done():  # refused already: the client need not send the rest
                self._reply(self._outcome.result(), PayloadDigest(0, b"", 0))
        digest = PayloadDigest(self._head.size, *await hashing.finish())
        await self._check_seal(incoming, digest)
        for target in self._head.targets:
            if target.node in self._feeds:
                await self._feeds[target.node].feed(self._forwarder.seal(self._replica_at(target), digest))
        return digest

    async def _check_seal(self, incoming: ReplicaBody, digest: PayloadDigest) -> None:
        seal = await incoming.seal()
        if (seal.sha256, seal.crc64) != (digest.sha256, digest.crc64):
            raise InvalidArgument("wrong digest: the bytes are not those that were announced; nothing was stored")

    async def _write(self, writer: ReplicaWriter, frame: Buffer) -> None:
        try:
            await writer.write(frame)
        except (DiskFailed, StorageFull) as exc:
            if not self._is_local_lost:
                self._lose_local(exc)

    # -- feeding the targets

    async def _feed_all(self, frame: Buffer) -> None:
        slow = [node for node, feed in self._feeds.items() if feed.is_full]
        for node, feed in list(self._feeds.items()):
            if node not in slow:
                await feed.feed(frame)
        while slow:
            node = slow[0]
            if await self._feed_slow(node, frame, slow):
                slow.pop(0)

    async def _feed_slow(self, node: NodeId, frame: Buffer, slow: list[NodeId]) -> bool:
        """True when `node` took the frame, or takes none any more."""
        feed = self._feeds.get(node)
        if feed is None:
            return True
        patience = None if self._machine.must_wait_for(slow) else self._stall_ns / 1e9
        try:
            async with asyncio.timeout(patience):
                await feed.feed(frame)
        except TimeoutError:
            self._log.warning("forward_stalled", replica=self._head.replica.address, node=node)
            self._happened(TargetStalled(node))
            return False
        return True

    async def _break_off(self) -> None:
        """The payload will not come whole: no target may take it for whole."""
        for node, feed in list(self._feeds.items()):
            self._forwards[node].cancel()
            feed.stop()
        if not self._outcome.done():
            self._outcome.cancel()

    # -- what happened, and what follows

    def _happened(self, event: Event) -> None:
        for command in self._machine.handle(event, self._keeping.env.clock.now()):
            self._do(command)

    def _do(self, command: Command) -> None:
        match command:
            case StartSpare(node, placement):
                self._start_from_store(Target(node, placement))
            case DropTarget(node):
                self._forwards[node].cancel()
                self._end_feed(node)
            case Answer() | Refuse():
                if not self._outcome.done():
                    self._outcome.set_result(command)
            case _:
                assert_never(command)

    async def _finish(self, writer: ReplicaWriter, digest: PayloadDigest) -> None:
        if self._is_local_lost:
            return
        try:
            self._stored = await writer.finish(digest.sha256)
        except (DiskFailed, StorageFull) as exc:
            self._lose_local(exc)
            return
        self._keeping.env.crashpoint("node.primary.stored")
        self._receipts[self._keeping.node] = self._keeping.kept(self._stored)
        self._happened(LocalStored())

    def _lose_local(self, error: ShoalError) -> None:
        self._is_local_lost = True
        self._log.error("local_replica_lost", replica=self._head.replica.address, why=error.sentence)
        self._happened(LocalFailed(error.sentence))

    # -- forwards

    def _replica_at(self, target: Target) -> ReplicaId:
        return self._head.replica._replace(placement=target.placement)

    def _start(self, target: Target, body: Stream | bytes) -> None:
        name = f"forward-{self._replica_at(target).address}"
        self._forwards[target.node] = self._spawn(self._forward(target, body), name)

    def _start_from_store(self, target: Target) -> None:
        if self._stored is not None:
            store = self._keeping.store
            self._start(target, self._forwarder.from_store(store, self._stored, self._replica_at(target)))

    async def _forward(self, target: Target, body: Stream | bytes) -> None:
        event: Event
        try:
            receipt = await self._forwarder.send(self._replica_at(target), target, body, grant=self._grant)
        except ShoalError as exc:
            self._log.info("forward_failed", replica=self._replica_at(target).address, why=exc.sentence)
            event = TargetFailed(target.node, exc.sentence)
        else:
            self._receipts[target.node] = receipt
            event = TargetStored(target.node)
        self._end_feed(target.node)
        self._happened(event)

    def _end_feed(self, node: NodeId) -> None:
        feed = self._feeds.pop(node, None)
        if feed is not None:
            feed.stop()

    # -- the answer

    def _reply(self, outcome: Answer | Refuse, digest: PayloadDigest) -> Reply:
        if isinstance(outcome, Refuse):
            raise QuorumNotReached(outcome.why, replica=self._head.replica.address)
        shard = self._head.replica.shard
        return reply_with(
            PutReply(
                size=digest.size,
                sha256=digest.sha256,
                crc64=digest.crc64,
                receipts=tuple(self._receipts[node] for node in outcome.stored),
                pending=tuple(Pending(target.node, shard, target.placement) for target in outcome.pending),
                failed=tuple(Failed(target.node, target.placement, target.why) for target in outcome.failed),
            )
        )
