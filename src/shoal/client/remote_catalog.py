"""The catalog and the directory of a cluster with coordinators: signed calls, tried again while nobody answers.

All calls may be sent again: reads change nothing, mutations carry a session and a sequence number under which the
coordinator finds the first result, and a second session opened by accident ends by itself.
"""

from typing import Any

from shoal.base.env import Env
from shoal.base.errors import DeadlineExceeded, NodeUnreachable, OutcomeUnknown, Throttled, TransientError
from shoal.base.ids import Address, Instant
from shoal.client.backoff import backoff_ns
from shoal.client.settings import ClientSettings
from shoal.core import control_call, routes
from shoal.core.routes import Caller, Route
from shoal.core.trust.signing import Credential
from shoal.model.cluster import MapDelta
from shoal.model.messages import objects, sessions, status
from shoal.ports.link import NodeLink

_RETRIED = (NodeUnreachable, OutcomeUnknown, DeadlineExceeded, Throttled)


class RemoteCatalog:
    """I am the `Catalog` and `Directory` of clients that have coordinators to ask."""

    def __init__(
        self,
        env: Env,
        link: NodeLink,
        *,
        coordinators: tuple[Address, ...],
        credential: Credential,
        settings: ClientSettings,
    ) -> None:
        self._env = env
        self._link = link
        self._coordinators = coordinators
        self._credential = credential
        self._settings = settings

    async def _call(self, route: Route, message: object) -> Any:
        """Try until there is an answer, or patience ends. Raises: NodeUnreachable or Throttled if the call was surely
        not done, OutcomeUnknown if it would have changed something and may have been done."""
        clock = self._env.clock
        give_up = Instant(clock.now() + self._settings.patience_ns)
        attempt, may_be_done = 0, False
        while True:
            address = self._coordinators[attempt % len(self._coordinators)]
            try:
                return await self._try(route, message, address=address, give_up=give_up)
            except _RETRIED as exc:
                may_be_done = may_be_done or isinstance(exc, OutcomeUnknown | DeadlineExceeded)
                pause = backoff_ns(attempt, self._env.rng)
                if clock.now() + pause >= give_up:
                    raise self._given_up(exc, may_be_done=may_be_done and route.caller is Caller.WRITER) from exc
            await clock.sleep(pause)
            attempt += 1

    async def _try(self, route: Route, message: object, *, address: Address, give_up: Instant) -> Any:
        call = control_call.prepare(route, message, self._credential, clock=self._env.clock, secrets=self._env.secrets)
        deadline = Instant(min(give_up, self._env.clock.now() + self._settings.control_deadline_ns))
        reply = await self._link.call(address, call.request, deadline=deadline, reply_bytes_max=route.reply_bytes_max)
        return control_call.read(call, reply)

    def _given_up(self, last: TransientError, *, may_be_done: bool) -> TransientError:
        where = ", ".join(self._coordinators)
        if may_be_done:
            return OutcomeUnknown(f"no coordinator answers at {where} any more; what it was asked may have been done")
        if isinstance(last, Throttled):
            return last
        return NodeUnreachable(f"no coordinator answers at {where}; is the cluster up? (`shoal up` starts one)")

    async def map_since(self, map_version: int) -> MapDelta:
        delta: MapDelta = await self._call(routes.MAP, sessions.GetMap(map_version))
        return delta

    async def status(self) -> status.ClusterStatus:
        reply: status.ClusterStatus = await self._call(routes.STATUS, status.GetStatus())
        return reply

    async def open_session(self, message: sessions.OpenSession) -> sessions.SessionOpened:
        reply: sessions.SessionOpened = await self._call(routes.OPEN_SESSION, message)
        return reply

    async def session_heartbeat(self, message: sessions.SessionHeartbeat) -> sessions.SessionAlive:
        reply: sessions.SessionAlive = await self._call(routes.SESSION_HEARTBEAT, message)
        return reply

    async def close_session(self, message: sessions.CloseSession) -> sessions.SessionClosed:
        reply: sessions.SessionClosed = await self._call(routes.CLOSE_SESSION, message)
        return reply

    async def stage(self, message: objects.Stage) -> objects.Staged:
        reply: objects.Staged = await self._call(routes.STAGE, message)
        return reply

    async def page(self, message: objects.GetPage) -> objects.Page:
        reply: objects.Page = await self._call(routes.PAGE, message)
        return reply

    async def commit(self, message: objects.CommitBatch) -> objects.CommitReply:
        reply: objects.CommitReply = await self._call(routes.COMMIT, message)
        return reply

    async def lookup(self, message: objects.LookupBatch) -> objects.LookupReply:
        reply: objects.LookupReply = await self._call(routes.LOOKUP, message)
        return reply

    async def delete(self, message: objects.Delete) -> objects.Deleted:
        reply: objects.Deleted = await self._call(routes.DELETE, message)
        return reply

    async def list_objects(self, message: objects.ListObjects) -> objects.ObjectList:
        reply: objects.ObjectList = await self._call(routes.LIST, message)
        return reply

    async def versions(self, message: objects.ListVersions) -> objects.VersionList:
        reply: objects.VersionList = await self._call(routes.VERSIONS, message)
        return reply
