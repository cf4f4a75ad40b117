"""Nodes in one process, on a simulated network and a virtual clock, with a coordinator that says what a test wants."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from msgspec.structs import replace as with_changes

from shoal.base.digests import crc64, sha256
from shoal.base.env import Env
from shoal.base.errors import AlreadyExists, NotFound, ShoalError
from shoal.base.ids import Address, Instant, NodeId, ReplicaId, SessionId
from shoal.base.units import HOUR, MILLISECOND, SECOND
from shoal.core import routes
from shoal.core.membership import MapHistory, adding, changing, find_node
from shoal.core.trust import signing
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.formats import wire
from shoal.formats.errors import body_of, status_of
from shoal.formats.grant import Grant, GrantKind, grant_text, seal_grant
from shoal.formats.seal import SEAL_BYTES, Seal, pack_seal
from shoal.model.cluster import ClusterMap, ClusterSettings
from shoal.model.messages.nodes import (
    Heartbeat,
    HeartbeatReply,
    NodeRegistered,
    RegisterNode,
    ReplicaAddress,
    ReplicaReport,
    Verdict,
)
from shoal.model.messages.replicas import PutReply
from shoal.node.identity import IdentityFile, open_identity
from shoal.node.node import Node
from shoal.node.settings import NodeSettings
from shoal.ports.chunk_store import ChunkStore
from shoal.ports.link import Handler, IncomingRequest, Listening, Reply, Request, Stream
from shoal.testing.sim.clock import SimClock
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import sim_env
from shoal.testing.sim.link import SimLink
from shoal.testing.sim.listener import SimListener
from shoal.testing.sim.loop import SimLoop
from shoal.testing.sim.network import SimNetwork
from support.members import member
from support.stores import EventLog
from support.stores import replica as replica
from support.watched_store import WatchedStore

T = TypeVar("T")

KEYS = ClusterKeys(b"k" * 32)
FOREIGN_KEYS = ClusterKeys(b"f" * 32)
CLUSTER_ID = "cluster"
SESSION = SessionId(7)
"""That of `support.stores.replica`."""
EPOCH_NS = 1_767_225_600 * SECOND
COORDINATOR = Address("coordinator:9100")
REPLY_MAX = 1 << 20


class ScriptedCoordinator:
    """I take every node in, remember what they say, and answer as I am told."""

    def __init__(self) -> None:
        self.history = MapHistory(ClusterMap(CLUSTER_ID, 0, ClusterSettings(), ()))
        self.registrations: list[RegisterNode] = []
        self.heartbeats: list[Heartbeat] = []
        self.verdict: Callable[[ReplicaReport], Verdict] = lambda _: Verdict.RECORDED
        self.undecided: list[ReplicaAddress] = []
        """Damaged replicas that no row can say yet."""
        self.refusal: ShoalError | None = None
        """What every call is answered with."""
        self.incarnation = 1
        self.commit_number = 1
        self.heard = asyncio.Event()

    @property
    def reports(self) -> list[ReplicaId]:
        """All that were made, in order."""
        told = [report for heartbeat in self.heartbeats for report in heartbeat.reports]
        return [ReplicaId(report.chunk, report.shard, report.placement) for report in told]

    async def next_heartbeat(self) -> Heartbeat:
        """The next one that comes from now on."""
        self.heard.clear()
        await self.heard.wait()
        return self.heartbeats[-1]

    def enlist(self, node: NodeId, name: str, address: Address) -> None:
        """Make a node known to all, whoever it is."""
        record = with_changes(member(name), node_id=node, address=address)
        known = find_node(self.history.current, node)
        update = adding(self.history.current, record) if known is None else changing(self.history.current, record)
        if update is not None:
            self.history.record(update)

    async def handle(self, request: IncomingRequest) -> Reply:
        """Answer one signed call."""
        body = await request.body.read_all(REPLY_MAX)
        head = signing.parse(request.headers["authorization"])
        secret = KEYS.node_key(NodeId(head.key_id.removeprefix("node/")))
        try:
            if self.refusal is not None:
                raise self.refusal
            answer, status = wire.encode(self._answer(request.target, body)), 200
        except ShoalError as exc:
            answer, status = wire.encode(body_of(exc)), status_of(exc)
        mac = signing.reply_mac(secret, nonce=head.nonce, status=status, body=answer)
        return Reply(status, {signing.REPLY_MAC: mac}, answer)

    def _answer(self, target: str, body: bytes) -> NodeRegistered | HeartbeatReply:
        if target == routes.REGISTER.target:
            return self._register(wire.decode(body, RegisterNode))
        heartbeat = wire.decode(body, Heartbeat)
        known = find_node(self.history.current, heartbeat.node_id)
        if known is None:
            raise NotFound("no such member")
        if known.address != heartbeat.address:
            raise AlreadyExists("somebody else is this node")
        self.heartbeats.append(heartbeat)
        self.heard.set()
        return HeartbeatReply(
            incarnation=self.incarnation,
            commit_number=self.commit_number,
            delta=self.history.since(heartbeat.map_version),
            verdicts=tuple(self.verdict(report) for report in heartbeat.reports),
            undecided=tuple(each for each in heartbeat.damaged if each in self.undecided),
        )

    def _register(self, message: RegisterNode) -> NodeRegistered:
        self.registrations.append(message)
        name = message.name or f"node-{len(self.registrations)}"
        self.enlist(message.node_id, name, message.address)
        return NodeRegistered(
            name=name, incarnation=self.incarnation, commit_number=self.commit_number, delta=self.history.since(0)
        )


@dataclass
class Member:
    """One node of the lab."""

    name: str
    address: Address
    env: Env
    disk: SimDisk
    identity: IdentityFile
    store: WatchedStore
    node: Node
    link: SimLink
    log: EventLog
    listening: Listening
    running: "asyncio.Task[None] | None" = None
    crashpoints: list[str] = field(default_factory=list)

    @property
    def id(self) -> NodeId:
        return self.node.node_id

    async def content(self, address: ReplicaId) -> bytes | None:
        """What is stored there."""
        if await self.store.inner.stat(address) is None:
            return None
        reader = await self.store.inner.open(address)
        data = await reader.read(0, reader.info.stored_bytes)
        await reader.close()
        return data

    async def is_empty(self) -> bool:
        """Whether nothing is stored, nothing is promised and nothing is open."""
        usage = await self.store.inner.usage()
        is_clean = (self.store.writers, self.store.readers) == (0, 0)
        return is_clean and usage.replica_count == 0 and usage.free_bytes == usage.capacity_bytes


class NodeLab:
    """I join nodes, a scripted coordinator and a client on one network."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.network = SimNetwork(Random(1))
        self.clock = SimClock(loop.now_ns, start_ns=SECOND, wall_ahead_ns=lambda: EPOCH_NS)
        self.coordinator = ScriptedCoordinator()
        self.members: list[Member] = []
        self.client = SimLink(self.network, "client", self.clock)
        self._listening: list[Listening] = []

    async def open(self) -> None:
        """Let the coordinator answer."""
        listener = SimListener(self.network, "coordinator")
        self._listening.append(await listener.listen(COORDINATOR, self.coordinator.handle))

    def within(self, duration_ns: int = HOUR) -> Instant:
        """A deadline from now."""
        return Instant(self.clock.now() + duration_ns)

    async def add(
        self,
        name: str,
        *,
        store: ChunkStore | None = None,
        door: Callable[[Handler], Handler] | None = None,
        disk: SimDisk | None = None,
        runs: bool = True,
        **settings: Any,
    ) -> Member:
        """A node that has registered, unless it does not run; `door` may stand before its handler."""
        disk = disk or SimDisk(Random(2))
        crashpoints: list[str] = []
        env = sim_env(disk, Random(f"env {name}"), clock=self.clock, crashpoint=crashpoints.append)
        identity = await open_identity(env, cluster_id=CLUSTER_ID)
        watched = WatchedStore(store)
        link, log = SimLink(self.network, name, self.clock), EventLog()
        node = Node(
            env,
            identity=identity,
            store=watched,
            keys=KEYS,
            link=link,
            settings=NodeSettings(coordinator=COORDINATOR, name=name, **settings),
            log=log,
        )
        address = Address(f"{name}:9201")
        handler = door(node.handle) if door else node.handle
        listening = await SimListener(self.network, name).listen(address, handler)
        made = Member(name, address, env, disk, identity, watched, node, link, log, listening, crashpoints=crashpoints)
        self.members.append(made)
        if runs:
            await self.run(made)
        return made

    async def run(self, node: Member) -> None:
        """Let it register, and serve from then on."""
        node.running = asyncio.get_running_loop().create_task(node.node.run(node.address), name=f"run {node.name}")
        while node.id not in [heartbeat.node_id for heartbeat in self.coordinator.heartbeats]:
            await self.coordinator.next_heartbeat()
        await self.settle()

    async def cluster(self, *names: str, **settings: Any) -> list[Member]:
        """Nodes that know each other."""
        members = [await self.add(name, **settings) for name in names]
        for each in members:
            await each.node.membership.step()
        return members

    async def peer(self, name: str, handler: Handler) -> NodeId:
        """A member of the map that is only a handler of the test; its id."""
        node = NodeId(name.encode().hex().rjust(32, "0"))
        address = Address(f"{name}:9201")
        self._listening.append(await SimListener(self.network, name).listen(address, handler))
        self.coordinator.enlist(node, name, address)
        for each in self.members:
            await each.node.membership.step()
        return node

    def dead_peer(self, name: str) -> NodeId:
        """A member of the map that does not answer."""
        node = NodeId(name.encode().hex().rjust(32, "0"))
        self.coordinator.enlist(node, name, Address(f"{name}:9201"))
        return node

    async def put(
        self, node: Member, payload: bytes, address: ReplicaId, *, body: bytes | Stream | None = None, **head: Any
    ) -> Reply:
        """PUT as a client; `head` as in `put_headers`."""
        whole = payload + client_seal(payload) if body is None else body
        request = Request("PUT", routes.REPLICAS + address.address, put_headers(**head), whole)
        return await self.client.call(node.address, request, deadline=self.within(), reply_bytes_max=REPLY_MAX)

    async def ask(self, node: Member, method: str, target: str, **headers: str) -> Reply:
        """Any call without a body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(method, routes.REPLICAS + target, named)
        return await self.client.call(node.address, request, deadline=self.within(), reply_bytes_max=64 << 20)

    async def settle(self, seconds: float = 0.05) -> None:
        """Let what is under way on a healthy network arrive."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """End everything; what then still runs has no owner."""
        for each in self.members:
            if each.running is not None:
                each.running.cancel()
                with suppress(asyncio.CancelledError, ShoalError):
                    await each.running
        for listening in [*self._listening, *[each.listening for each in self.members]]:
            await listening.close(grace_ns=MILLISECOND)
        await self.client.close()
        for each in self.members:
            await each.link.close()
            with suppress(ShoalError):
                await each.node.close()


def in_node_lab(main: Callable[[NodeLab], Coroutine[Any, Any, T] | Awaitable[T]], *, seed: int = 1) -> T:
    """Run `main` on a loop of its own, in virtual time; in the end no task and no open writer or reader is left."""
    loop = SimLoop(Random(seed))
    lab = NodeLab(loop)

    async def wrapped() -> T:
        await lab.open()
        result = await main(lab)
        await lab.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        for each in lab.members:
            assert (each.store.writers, each.store.readers) == (0, 0), each.name
        assert lab.network.handler_bugs == []
        return result

    try:
        return loop.run(wrapped(), limit_ns=24 * HOUR)
    finally:
        loop.close()


def client_seal(payload: bytes) -> bytes:
    """What a client sends behind its bytes."""
    return pack_seal(Seal(sha256(payload), crc64(payload)))


def put_grant(*, session: SessionId = SESSION, keys: ClusterKeys = KEYS, life_ns: int = 24 * HOUR) -> str:
    """As a session has it."""
    expires_ms = (EPOCH_NS + life_ns) // MILLISECOND
    return grant_text(seal_grant(Grant(kind=GrantKind.PUT, expires_ms=expires_ms, session=session), keys.grant_key))


def replica_grant(
    kind: GrantKind,
    address: ReplicaId,
    node: NodeId,
    *,
    epoch: int = 0,
    keys: ClusterKeys = KEYS,
    life_ns: int = 24 * HOUR,
) -> str:
    """To read or remove one replica at one node."""
    expires_ms = (EPOCH_NS + life_ns) // MILLISECOND
    grant = Grant(kind=kind, expires_ms=expires_ms, replica=address, node=node, epoch=epoch)
    return grant_text(seal_grant(grant, keys.grant_key))


def read_grant(address: ReplicaId, node: Member) -> str:
    """To read a replica at a node."""
    return replica_grant(GrantKind.READ, address, node.id)


def remove_grant(address: ReplicaId, node: Member, epoch: int) -> str:
    """To remove a replica at a node."""
    return replica_grant(GrantKind.REMOVE, address, node.id, epoch=epoch)


def put_headers(
    *,
    targets: dict[NodeId, int] | None = None,
    spares: dict[NodeId, int] | None = None,
    quorum: int = 1,
    grant: str | None = None,
) -> dict[str, str]:
    """The head of a client's PUT: nodes with the placement numbers that are meant for them."""
    lists = [",".join(f"{node}.{at}" for node, at in (nodes or {}).items()) for nodes in (targets, spares)]
    return {
        routes.GRANT_HEADER: put_grant() if grant is None else grant,
        routes.TARGETS_HEADER: ";".join(lists),
        routes.QUORUM_HEADER: str(quorum),
    }


def changed(headers: dict[str, str], **changes: str | None) -> dict[str, str]:
    """The same with some of the `x-shoal-` headers changed, or left out if None."""
    merged: dict[str, str | None] = {**headers, **{f"x-shoal-{name}": value for name, value in changes.items()}}
    return {name: value for name, value in merged.items() if value is not None}


def put_reply(reply: Reply) -> PutReply:
    """What a PUT achieved."""
    assert isinstance(reply.body, bytes)
    assert reply.status == 201, reply
    return wire.decode(reply.body, PutReply)


def body_bytes(size: int) -> int:
    """Content-Length of a replica."""
    return size + SEAL_BYTES
