"""Telling nodes that they gave wrong bytes: each reads its replica again, and puts it into quarantine if it is bad."""

import asyncio

from shoal.base.env import Env
from shoal.base.errors import ShoalError
from shoal.base.ids import Instant, ReplicaId
from shoal.base.units import KIB
from shoal.client.background import Spawn
from shoal.client.cluster_view import ClusterView
from shoal.core import routes
from shoal.formats import wire
from shoal.formats.errors import read_error
from shoal.formats.grant import grant_text
from shoal.model.messages.objects import ReplicaLocation
from shoal.model.messages.replicas import VerifyReply
from shoal.ports.link import NodeLink, Reply, Request
from shoal.ports.log import Log

UNDER_WAY_MAX = 16
"""Reports under way. More are dropped: whoever reads next reports again."""
_REPLY_BYTES_MAX = 64 * KIB


class DamageReports:
    """I send reports behind the reader's back. None of them matters to the reader: what goes wrong is only logged."""

    def __init__(
        self, env: Env, *, link: NodeLink, view: ClusterView, spawn: Spawn, deadline_ns: int, log: Log
    ) -> None:
        self._env = env
        self._link = link
        self._view = view
        self._spawn = spawn
        self._deadline_ns = deadline_ns
        self._log = log
        self._under_way: dict[ReplicaId, asyncio.Task[None]] = {}

    def report(self, location: ReplicaLocation, replica: ReplicaId) -> None:
        """Its node gave wrong bytes for `replica`. One that is being reported is not reported again."""
        if replica not in self._under_way and len(self._under_way) < UNDER_WAY_MAX:
            task = self._spawn(self._ask_to_verify(location, replica), "report-damage")
            self._under_way[replica] = task
            task.add_done_callback(lambda _: self._under_way.pop(replica, None))

    async def finish(self) -> None:
        """Wait for the reports that are under way."""
        if self._under_way:
            await asyncio.wait(list(self._under_way.values()))

    async def _ask_to_verify(self, location: ReplicaLocation, replica: ReplicaId) -> None:
        request = Request(
            "POST",
            f"{routes.REPLICAS}{replica.address}/verify",
            {routes.GRANT_HEADER: grant_text(location.grant)},
        )
        deadline = Instant(self._env.clock.now() + self._deadline_ns)
        node = self._view.name_of(location.node)
        try:
            address = self._view.address_of(location.node)
            reply = await self._link.call(address, request, deadline=deadline, reply_bytes_max=_REPLY_BYTES_MAX)
            is_good = _read_verdict(reply)
        except ShoalError as exc:
            # The replica stays bad, and the next reader reports it again: nobody needs to act here.
            self._log.info("damage_report_failed", replica=replica.address, node=node, why=exc.sentence)
        else:
            self._log.info("damage_reported", replica=replica.address, node=node, is_good=is_good)


def _read_verdict(reply: Reply) -> bool:
    body = reply.body if isinstance(reply.body, bytes) else b""
    if reply.status != 200:
        raise read_error(reply.status, body)
    return wire.decode(body, VerifyReply).is_good
