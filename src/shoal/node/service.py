"""The node's door: method and address -> grant -> verb. Nothing is done, or read of a body, before the grant holds."""

import asyncio
from collections.abc import Coroutine

from shoal.base.env import Env
from shoal.base.errors import AccessDenied, DiskFailed, InvalidArgument, ShoalError, Throttled
from shoal.base.ids import ReplicaId, parse_replica
from shoal.core.routes import GRANT_HEADER, REPLICAS
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.grants import check_put, check_replica
from shoal.formats import wire
from shoal.formats.errors import body_of, status_of
from shoal.formats.grant import Grant, GrantKind, grant_bytes, open_grant
from shoal.model.messages.replicas import VerifyReply
from shoal.node.forward import Forwarder
from shoal.node.get import get_replica, head_replica
from shoal.node.identity import IdentityFile
from shoal.node.keeping import Keeping, check_same, put_reply
from shoal.node.primary_put import PrimaryPut
from shoal.node.put_request import PutHead, read_put_head
from shoal.node.remove import remove_replica
from shoal.node.replica_body import ReplicaBody
from shoal.node.replica_put import put_as_replica
from shoal.node.settings import NodeSettings
from shoal.node.verify import verify_replica
from shoal.ports.link import IncomingRequest, Reply
from shoal.ports.log import Log

_VERIFY = "/verify"


class Service:
    """I answer requests for replicas. What outlives a request runs in `tasks`."""

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
        self._puts = 0
        self.tasks: asyncio.TaskGroup | None = None
        self.disk_failed = asyncio.Event()

    async def handle(self, request: IncomingRequest) -> Reply:
        """Answer one request; errors become statuses."""
        try:
            return await self._dispatch(request)
        except ShoalError as exc:
            if isinstance(exc, DiskFailed):
                self._log.error("disk_failed", why=exc.sentence)
                self.disk_failed.set()
            return Reply(status_of(exc), {}, wire.encode(body_of(exc)))

    async def _dispatch(self, request: IncomingRequest) -> Reply:
        grant = open_grant(grant_bytes(request.headers.get(GRANT_HEADER)), self._keys.grant_key)
        replica, verb = self._read_target(request)
        if verb == "PUT":
            check_put(grant, replica, wall=self._env.clock.wall())
            return await self._put(request, replica)
        kind = GrantKind.REMOVE if verb == "DELETE" else GrantKind.READ
        check_replica(grant, kind, replica, node=self._keeping.node, wall=self._env.clock.wall())
        return await self._on_held(verb, grant, request)

    def _read_target(self, request: IncomingRequest) -> tuple[ReplicaId, str]:
        """The address and the verb, VERIFY for POST .../verify. Raises: InvalidArgument."""
        if not request.target.startswith(REPLICAS):
            raise InvalidArgument(f"a node serves {REPLICAS}<address>", got=request.target[:80])
        address, verb = request.target[len(REPLICAS) :], request.method
        if address.endswith(_VERIFY) and verb == "POST":
            address, verb = address[: -len(_VERIFY)], "VERIFY"
        if verb not in ("PUT", "GET", "HEAD", "DELETE", "VERIFY"):
            raise InvalidArgument("a replica takes PUT, GET, HEAD, DELETE and POST .../verify", got=verb)
        return parse_replica(address), verb

    async def _on_held(self, verb: str, grant: Grant, request: IncomingRequest) -> Reply:
        store = self._keeping.store
        match verb:
            case "GET":
                return await get_replica(store, grant.replica, range_header=request.headers.get("range"))
            case "HEAD":
                return await head_replica(store, grant.replica)
            case "VERIFY":
                is_good = await verify_replica(store, grant.replica, log=self._log)
                return Reply(200, {}, wire.encode(VerifyReply(is_good)))
            case "DELETE":
                return await remove_replica(store, self._identity, grant, log=self._log)
        raise AccessDenied("no grant covers this call", verb=verb)

    async def _put(self, request: IncomingRequest, replica: ReplicaId) -> Reply:
        if self._puts >= self._settings.puts_max:
            raise Throttled(f"this node takes {self._settings.puts_max} replicas at a time; try again")
        head = read_put_head(replica, request.headers, body_bytes=request.body.length)
        self._puts += 1
        try:
            return await self._take(request, head)
        finally:
            self._puts -= 1

    async def _take(self, request: IncomingRequest, head: PutHead) -> Reply:
        if head.primary is not None:
            return await put_as_replica(self._keeping, head, request.body)
        held = await self._keeping.store.stat(head.replica)
        if held is not None:
            check_same(held, await ReplicaBody(request.body, head.size).skip(), size=head.size)
            return put_reply(held, self._keeping.receipt(held))
        put = PrimaryPut(
            self._keeping,
            self._forwarder,
            head,
            grant=request.headers[GRANT_HEADER],
            spawn=self._spawn,
            stall_ns=self._settings.stall_ns,
            log=self._log,
        )
        return await put.run(request.body)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> "asyncio.Task[None]":
        if self.tasks is None:
            work.close()
            raise Throttled("the node is starting or stopping; try again")
        return self.tasks.create_task(work, name=name)
