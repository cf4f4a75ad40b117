"""Telling nodes that they gave wrong bytes: each reads its replica again, and puts it into quarantine if it is bad."""

import asyncio

from shoal.base.errors import ShoalError
from shoal.base.ids import ReplicaId
from shoal.client.background import Spawn
from shoal.client.cluster_view import ClusterView
from shoal.client.verification import Verifier
from shoal.model.messages.objects import ReplicaLocation
from shoal.ports.log import Log

UNDER_WAY_MAX = 16
"""Reports under way. More are dropped: whoever reads next reports again."""


class DamageReports:
    """I send reports behind the reader's back. None of them matters to the reader: what goes wrong is only logged."""

    def __init__(self, verifier: Verifier, *, view: ClusterView, spawn: Spawn, log: Log) -> None:
        self._verifier = verifier
        self._view = view
        self._spawn = spawn
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
        node = self._view.name_of(location.node)
        try:
            is_good = await self._verifier.verify(location, replica)
        except ShoalError as exc:
            # The replica stays bad, and the next reader reports it again: nobody needs to act here.
            self._log.info("damage_report_failed", replica=replica.address, node=node, why=exc.sentence)
        else:
            self._log.info("damage_reported", replica=replica.address, node=node, is_good=is_good)
