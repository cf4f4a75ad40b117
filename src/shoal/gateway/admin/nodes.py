"""ListNodes: all members, each with its last heartbeat."""

from collections.abc import AsyncIterator

from shoal.gateway.admin.node_entry import described
from shoal.gateway.callers import Caller
from shoal.gateway.rpc.door import Context, RpcDoor
from shoal_pb import admin_pb2


class NodeListing:
    """I answer ListNodes."""

    def __init__(self, door: RpcDoor) -> None:
        self._door = door

    async def call(self, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """Describe all nodes."""
        return await self._door.answer_one(
            messages, context, self._list, kind=admin_pb2.ListNodesRequest, failing="no nodes", needs_admin=True
        )

    async def _list(self, caller: Caller, asked: admin_pb2.ListNodesRequest) -> bytes:
        status = await caller.client.status()
        usage = {each.name: each for each in status.usage}
        nodes = [described(node, usage.get(node.name)) for node in status.map.nodes]
        return admin_pb2.ListNodesResponse(map_version=status.map.version, nodes=nodes).SerializeToString()
