"""WatchNodes: the cluster map, then every change of it, for as long as the caller wants."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from shoal.base.env import Clock
from shoal.base.errors import DeadlineExceeded, Throttled
from shoal.base.units import SECOND
from shoal.gateway.admin.node_entry import described
from shoal.gateway.callers import Caller
from shoal.gateway.rpc.door import Context, RpcDoor
from shoal.model.cluster import MapChange, MapDelta
from shoal_pb import admin_pb2

WATCHERS_MAX = 100
_LOOK_NS = SECOND
_TAKEN_WITHIN_S = 30.0


class NodeWatch:
    """I answer WatchNodes."""

    def __init__(self, door: RpcDoor, *, clock: Clock) -> None:
        self._door = door
        self._clock = clock
        self._watchers = 0

    async def call(self, messages: AsyncIterator[bytes], context: Context) -> None:
        """Send the map and its changes until the caller, or the cluster, is gone."""

        async def admit(caller: Caller, asked: admin_pb2.WatchNodesRequest) -> None:
            await self._admit(caller, context)

        await self._door.answer_one(
            messages,
            context,
            admit,
            kind=admin_pb2.WatchNodesRequest,
            failing="watching ended",
            needs_admin=True,
        )

    async def _admit(self, caller: Caller, context: Context) -> None:
        if self._watchers == WATCHERS_MAX:
            raise Throttled(f"{WATCHERS_MAX} callers watch already, as many as may")
        self._watchers += 1
        try:
            await self._watch(caller, context)
        finally:
            self._watchers -= 1

    async def _watch(self, caller: Caller, context: Context) -> None:
        version = 0
        while True:
            for update in updates(await caller.client.map_since(version), since=version):
                version = update.map_version
                await _send(context, update.SerializeToString())
            await self._clock.sleep(_LOOK_NS)


async def _send(context: Context, message: bytes) -> None:
    try:
        async with asyncio.timeout(_TAKEN_WITHIN_S):
            await context.write(message)
    except TimeoutError as exc:
        raise DeadlineExceeded(f"a change was not taken within {_TAKEN_WITHIN_S:.0f} s") from exc


def updates(delta: MapDelta, *, since: int) -> Iterator[admin_pb2.MapUpdate]:
    """What a watcher is told who knows map version `since`, or, if that is 0, nothing."""
    if delta.full is not None and (since == 0 or delta.full.version != since):
        nodes = [described(node) for node in delta.full.nodes]
        yield admin_pb2.MapUpdate(map_version=delta.full.version, is_whole=True, changed=nodes)
    for step in delta.updates:
        if step.change is MapChange.REMOVED:
            yield admin_pb2.MapUpdate(map_version=step.version, removed=[step.node.node_id])
        else:
            yield admin_pb2.MapUpdate(map_version=step.version, changed=[described(step.node)])
