"""The node's door: method and address -> grant -> verb. Nothing is done, or read of a body, before the grant holds."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from shoal.base.env import Env
from shoal.base.errors import (
    ChecksumMismatch,
    DiskFailed,
    InvalidArgument,
    InvariantBroken,
    NotFound,
    ShoalError,
    Throttled,
)
from shoal.base.ids import ReplicaId, parse_replica
from shoal.base.units import SECOND
from shoal.core.routes import GRANT_HEADER, REPLICAS
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.grants import check_put, check_replica
from shoal.formats import wire
from shoal.formats.errors import body_of, status_of
from shoal.formats.grant import Grant, GrantKind, grant_bytes, open_grant
from shoal.model.messages.replicas import VerifyReply
from shoal.node.admission import Admission, Share, SharedBody
from shoal.node.forward import Forwarder
from shoal.node.get import get_replica, head_replica
from shoal.node.identity import IdentityFile
from shoal.node.keeping import Keeping
from shoal.node.metering import Meter
from shoal.node.primary_put import WHOLE_MAX, PrimaryPut
from shoal.node.put_request import ClientPut, ForwardedPut, read_put_head
from shoal.node.remove import remove_replica
from shoal.node.replica_put import put_as_replica
from shoal.node.settings import NodeSettings
from shoal.node.verify import verify_replica
from shoal.ports.link import IncomingBody, IncomingRequest, Reply
from shoal.ports.log import Log

_VERIFY = "/verify"
_PUT_GRANTS_MAX = 1024
_GRANTED_BY = {
    "GET": GrantKind.READ,
    "HEAD": GrantKind.READ,
    "VERIFY": GrantKind.READ,
    "DELETE": GrantKind.REMOVE,
}


class Service:
    """I answer requests for replicas; PUTs only while I am `serving`."""

    def __init__(
        self,
        env: Env,
        *,
        keeping: Keeping,
        keys: ClusterKeys,
        forwarder: Forwarder,
        identity: IdentityFile,
        settings: NodeSettings,
        log: Log,
    ) -> None:
        self._env = env
        self._keeping = keeping
        self._keys = keys
        self._forwarder = forwarder
        self._identity = identity
        self._settings = settings
        self._log = log
        self._admission = Admission(env.clock, memory_bytes=settings.memory_bytes, wait_ns=settings.admission_ns)
        rate = settings.rate_limit
        self._inward = Meter(env.clock, rate) if rate is not None else None
        self._outward = Meter(env.clock, rate) if rate is not None else None
        self._put_grants: dict[str, Grant] = {}
        self._puts = 0
        self._primary_puts: dict[PrimaryPut, None] = {}
        self._put_ended = asyncio.Event()
        self._behind: asyncio.TaskGroup | None = None

    @contextmanager
    def serving(self, behind: asyncio.TaskGroup) -> Iterator[None]:
        """Take PUTs in. What outlives its request runs in `behind`; in the end whoever still waits is refused."""
        self._behind = behind
        try:
            yield
        finally:
            self._behind = None
            for put in list(self._primary_puts):
                put.stop()

    async def drain(self, within_ns: int) -> None:
        """Wait a while for the writes that are under way: other nodes may make their quorum."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_ns / SECOND):
                while self._primary_puts:
                    self._put_ended.clear()
                    await self._put_ended.wait()

    async def handle(self, request: IncomingRequest) -> Reply:
        """Answer one request; errors become statuses. Raises: InvariantBroken, which is a bug and nobody's business
        but the link's, and CancelledError."""
        try:
            return await self._dispatch(request)
        except InvariantBroken:
            raise
        except ShoalError as exc:
            self._log.debug("request_refused", method=request.method, target=request.target[:100], why=exc.sentence)
            if isinstance(exc, DiskFailed):
                self._keeping.on_disk_trouble()
            return Reply(status_of(exc), {}, wire.encode(body_of(exc)))

    async def _dispatch(self, request: IncomingRequest) -> Reply:
        grant = self._open_grant(request.headers.get(GRANT_HEADER))
        replica, verb = _read_target(request)
        wall = self._env.clock.wall()
        if verb == "PUT":
            check_put(grant, replica, wall=wall)
            return await self._put(request, replica)
        check_replica(grant, _GRANTED_BY[verb], replica, node=self._keeping.node, wall=wall)
        if verb == "DELETE":
            return await remove_replica(self._keeping.store, self._identity, grant, log=self._log)
        return await self._read(request, replica, verb)

    def _open_grant(self, text: str | None) -> Grant:
        """The grant, believed. A session shows one and the same with each of its PUTs, so those are remembered."""
        known = self._put_grants.get(text or "")
        if known is not None:
            return known
        grant = open_grant(grant_bytes(text), self._keys.grant_key)
        if grant.kind is GrantKind.PUT and text is not None:
            if len(self._put_grants) >= _PUT_GRANTS_MAX:
                self._put_grants.clear()
            self._put_grants[text] = grant
        return grant

    async def _read(self, request: IncomingRequest, replica: ReplicaId, verb: str) -> Reply:
        store = self._keeping.store
        if verb == "VERIFY":
            return await self._verify(replica)
        try:
            if verb == "HEAD":
                return await head_replica(store, replica)
            reply = await get_replica(store, replica, range_header=request.headers.get("range"))
        except (ChecksumMismatch, DiskFailed, NotFound) as exc:
            # The reader goes to another node and need not come back: what is damaged or gone is noticed now. That
            # somebody only asks whether it is here is no sign that it should be.
            if verb != "HEAD" or not isinstance(exc, NotFound):
                await self._verify(replica)
            raise
        return reply if self._outward is None else await self._outward.reply(reply)

    async def _verify(self, replica: ReplicaId) -> Reply:
        is_good = await verify_replica(self._keeping.store, replica, log=self._log)
        return Reply(200, {}, wire.encode(VerifyReply(is_good)))

    async def _put(self, request: IncomingRequest, replica: ReplicaId) -> Reply:
        if self._behind is None:
            raise Throttled("the node is starting or stopping; try again")
        if self._puts >= self._settings.puts_max:
            raise Throttled(f"this node takes {self._settings.puts_max} replicas at a time; try again")
        put = read_put_head(replica, request.headers, body_bytes=request.body.length)
        is_forward, is_small = isinstance(put, ForwardedPut), put.size <= WHOLE_MAX
        self._puts += 1
        try:
            share = await self._admission.share(request.body.length, is_forward=is_forward, is_small=is_small)
            try:
                body = request.body if is_small else SharedBody(request.body, share)
                metered = body if self._inward is None else self._inward.body(body)
                return await self._take(put, metered, grant=request.headers[GRANT_HEADER], share=share)
            finally:
                share.let_go()
        finally:
            self._puts -= 1

    async def _take(self, put: ClientPut | ForwardedPut, body: IncomingBody, *, grant: str, share: Share) -> Reply:
        if isinstance(put, ForwardedPut):
            return await put_as_replica(self._keeping, put, body)
        primary_put = PrimaryPut(
            self._keeping,
            self._forwarder,
            put,
            grant=grant,
            spawn=partial(self._spawn, share),
            stall_ns=self._settings.stall_ns,
            log=self._log,
        )
        return await self._as_primary(primary_put, body)

    async def _as_primary(self, put: PrimaryPut, body: IncomingBody) -> Reply:
        self._primary_puts[put] = None
        try:
            return await put.run(body)
        finally:
            del self._primary_puts[put]
            self._put_ended.set()

    def _spawn(self, share: Share, work: Coroutine[None, None, None], name: str) -> "asyncio.Task[None]":
        """`work` may go on behind the answer, with what it holds."""
        if self._behind is None:
            work.close()
            raise Throttled("the node is stopping; try again")
        task = self._behind.create_task(work, name=name)
        share.hold()
        task.add_done_callback(lambda _: share.let_go())
        return task


def _read_target(request: IncomingRequest) -> tuple[ReplicaId, str]:
    """The address and the verb, VERIFY for POST .../verify. Raises: InvalidArgument."""
    if not request.target.startswith(REPLICAS):
        raise InvalidArgument(f"a node serves {REPLICAS}<address>", got=request.target[:80])
    address, verb = request.target[len(REPLICAS) :], request.method
    if verb == "POST" and address.endswith(_VERIFY):
        address, verb = address[: -len(_VERIFY)], "VERIFY"
    elif verb != "PUT" and (verb == "VERIFY" or verb not in _GRANTED_BY):
        raise InvalidArgument("a replica takes PUT, GET, HEAD, DELETE and POST .../verify", got=verb[:20])
    return parse_replica(address), verb
