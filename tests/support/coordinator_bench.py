"""A coordinator without sockets: signed requests in, checked replies out, on rows in memory and a clock set by hand."""

import random
from collections.abc import Sequence
from typing import Any

from shoal.base.digests import Buffer
from shoal.base.errors import InvalidArgument
from shoal.base.ids import SessionId, mint_chunk_id
from shoal.coordinator.authentication import ClientCaller, NodeCaller
from shoal.coordinator.coordinator import Coordinator, open_coordinator
from shoal.coordinator.settings import CoordinatorSettings
from shoal.core import control_call, routes
from shoal.core.catalog.access_keys import add_key
from shoal.core.control_call import PreparedCall
from shoal.core.routes import Route
from shoal.core.trust.signing import NODE_KEY_PREFIX, Credential
from shoal.engine.memory import MemoryEngine
from shoal.model.access_keys import Scope
from shoal.model.catalog import Version
from shoal.model.messages.keys import CreateKey
from shoal.model.messages.nodes import Heartbeat, HeartbeatReply, NodeRegistered
from shoal.model.messages.objects import (
    ChunkUpload,
    Commit,
    CommitBatch,
    Found,
    LookupBatch,
    Name,
    Stage,
    VersionOutcome,
)
from shoal.model.messages.sessions import OpenSession, SessionOpened
from shoal.ports.engine import Engine
from shoal.ports.keyring import AccessKey
from shoal.ports.link import IncomingRequest, Reply
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import ManualClock, sim_env
from shoal.wiring.secret_box import AesGcmBox
from support.catalog_bench import (
    BUCKET,
    CHUNK_BYTES,
    CLUSTER_ID,
    KEYS,
    make_commit,
    make_upload,
    paged_commit,
    registration,
)
from support.engines import QuietLog
from support.members import node_id

READER = Credential("reader", b"r" * 32)
WRITER = Credential("writer", b"w" * 32)
OTHER_WRITER = Credential("other-writer", b"o" * 32)
STRANGER = Credential("stranger", b"s" * 32)
KEK = bytes(32)

ADMIN = Credential("admin", b"a" * 32)

SCOPES = {READER: Scope.READ, WRITER: Scope.WRITE, OTHER_WRITER: Scope.WRITE}
"""Of the keys that a bench has besides the first one, which is ADMIN."""

WRITER_CALLER = ClientCaller(AccessKey("writer", WRITER.secret, Scope.WRITE))
READER_CALLER = ClientCaller(AccessKey("reader", READER.secret, Scope.READ))


def node_credential(name: str) -> Credential:
    """What a node signs with."""
    node = node_id(name)
    return Credential(NODE_KEY_PREFIX + node, KEYS.node_key(node))


def node_caller(name: str) -> NodeCaller:
    """A node whose signature was checked."""
    return NodeCaller(node_id(name), b"")


class StaticKeyRing:
    """Three access keys that no catalog knows."""

    def __init__(self) -> None:
        self._keys = {each.key_id: AccessKey(each.key_id, each.secret, scope) for each, scope in SCOPES.items()}

    def find(self, key_id: str) -> AccessKey | None:
        return self._keys.get(key_id)


class WholeBody:
    """A body that has arrived."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def length(self) -> int:
        return len(self._data)

    async def next_frame(self) -> Buffer:
        data, self._data = self._data, b""
        return data

    async def read_all(self, limit: int) -> bytes:
        if len(self._data) > limit:
            raise InvalidArgument("the body is too long")
        return self._data


def incoming(target: str, body: bytes = b"", *, method: str = "POST", authorization: str = "") -> IncomingRequest:
    """A request as a handler sees it."""
    headers = {"authorization": authorization} if authorization else {}
    return IncomingRequest(method, target, headers, WholeBody(body), "test")


class CoordinatorBench:
    """One coordinator and its callers; made by `open_bench`."""

    def __init__(self, engine: Engine, clock: ManualClock, *, settings: CoordinatorSettings | None = None) -> None:
        self.engine = engine
        self.clock = clock
        self.env = sim_env(SimDisk(random.Random(0)), random.Random(1), clock=clock)
        self.box = AesGcmBox(KEK, self.env.secrets)
        self.log = QuietLog()
        self.settings = settings or CoordinatorSettings(CLUSTER_ID)
        self.coordinator: Coordinator
        self._counter = 0
        self._sequence = 0

    async def start(self) -> None:
        """Open a coordinator over the engine, as after a restart."""
        self.coordinator = await open_coordinator(
            self.env,
            self.engine,
            keys=KEYS,
            box=self.box,
            first_key=ADMIN,
            settings=self.settings,
            log=self.log,
        )

    async def add_key(self, credential: Credential, scope: Scope, **limits: Any) -> None:
        """Write a key with a secret of ours into the catalog. `limits`: further fields of CreateKey."""
        key_id, request = credential.key_id, CreateKey(name="", scope=scope, **limits)
        sealed = self.box.seal(credential.secret, context=key_id.encode())
        wall = self.clock.wall()
        await self.engine.tx(lambda tx: add_key(tx, key_id, request, sealed=sealed, wall=wall))

    async def send(self, route: Route, message: object, credential: Credential) -> tuple[PreparedCall, Reply]:
        """One signed request and its reply, as it comes."""
        call = control_call.prepare(route, message, credential, clock=self.clock, secrets=self.env.secrets)
        body = call.request.body
        assert isinstance(body, bytes)
        request = incoming(route.target, body, authorization=call.request.headers["authorization"])
        return call, await self.coordinator.handle(request)

    async def call(self, route: Route, message: object, credential: Credential = WRITER) -> Any:
        """One signed call. Raises what the coordinator tells."""
        call, reply = await self.send(route, message, credential)
        return control_call.read(call, reply)

    async def register(self, name: str, **changes: object) -> NodeRegistered:
        """A node registers."""
        reply: NodeRegistered = await self.call(routes.REGISTER, registration(name, **changes), node_credential(name))
        return reply

    async def heartbeat(self, name: str, **changes: Any) -> HeartbeatReply:
        """A node is there."""
        usual: dict[str, Any] = {
            "node_id": node_id(name),
            "map_version": 0,
            "capacity_bytes": 1 << 40,
            "free_bytes": 1 << 40,
            "can_write": True,
            "is_failed": False,
        }
        reply: HeartbeatReply = await self.call(
            routes.HEARTBEAT, Heartbeat(**{**usual, **changes}), node_credential(name)
        )
        return reply

    async def session(self, credential: Credential = WRITER) -> SessionId:
        """A new session."""
        opened: SessionOpened = await self.call(routes.OPEN_SESSION, OpenSession(), credential)
        return opened.session

    def next_sequence(self) -> int:
        """A fresh operation number."""
        self._sequence += 1
        return self._sequence

    def uploads(self, session: SessionId, data: bytes, *, holders: str = "abc", awaited: str = "") -> list[ChunkUpload]:
        """`data` cut into chunks of 4 bytes that lie on `holders`."""
        uploads = []
        for at in range(0, len(data), CHUNK_BYTES):
            self._counter += 1
            chunk = mint_chunk_id(session, self._counter)
            uploads.append(make_upload(chunk, data[at : at + CHUNK_BYTES], holders=holders, awaited=awaited))
        return uploads

    async def commit(self, session: SessionId, *commits: Commit) -> tuple[VersionOutcome, ...]:
        """One batch."""
        reply = await self.call(routes.COMMIT, CommitBatch(session, commits))
        outcomes: tuple[VersionOutcome, ...] = reply.outcomes
        return outcomes

    async def put(self, session: SessionId, key: str, data: bytes = b"data", **places: str) -> Version:
        """Upload and commit an object."""
        request = make_commit(key, self.uploads(session, data, **places), sequence=self.next_sequence())
        (outcome,) = await self.commit(session, request)
        assert outcome.version is not None, outcome.error
        return outcome.version

    async def stage(self, session: SessionId, pages: Sequence[Sequence[ChunkUpload]]) -> bytes:
        """Stage the pages of a manifest; returns its id."""
        self._counter += 1
        manifest = mint_chunk_id(session, self._counter)
        for number, page in enumerate(pages):
            await self.call(routes.STAGE, Stage(session=session, manifest=manifest, page=number, chunks=tuple(page)))
        return manifest

    async def put_paged(self, session: SessionId, key: str, pages: Sequence[Sequence[ChunkUpload]]) -> Version:
        """Stage pages and commit their manifest."""
        manifest = await self.stage(session, pages)
        (outcome,) = await self.commit(session, paged_commit(key, manifest, pages, sequence=self.next_sequence()))
        assert outcome.version is not None, outcome.error
        return outcome.version

    async def find(self, session: SessionId, key: str, *, with_chunks: bool = True) -> Found:
        """Look one name up."""
        reply = await self.call(routes.LOOKUP, LookupBatch(session, (Name(BUCKET, key),), with_chunks))
        found: Found = reply.found[0]
        return found


async def open_bench(
    *, nodes: str = "abc", settings: CoordinatorSettings | None = None, engine: Engine | None = None
) -> CoordinatorBench:
    """A coordinator with these nodes registered."""
    clock = ManualClock()
    bench = CoordinatorBench(engine or MemoryEngine(clock), clock, settings=settings)
    for credential, scope in SCOPES.items():
        await bench.add_key(credential, scope)
    await bench.start()
    for name in nodes:
        await bench.register(name)
    return bench
