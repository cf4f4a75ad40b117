"""ListNodes: all members, each with its last heartbeat."""

from shoal.gateway.admin.node_entry import described
from shoal.gateway.callers import Caller
from shoal.gateway.rpc.door import Context, RpcDoor, parse
from shoal_pb import admin_pb2


class NodeListing:
    """I answer ListNodes."""

    def __init__(self, door: RpcDoor) -> None:
        self._door = door

    async def call(self, raw: bytes, context: Context) -> bytes:
        """Describe all nodes."""
        return await self._door.answer(
            context, lambda caller: self._list(caller, raw), failing="no nodes", needs_admin=True
        )

    async def _list(self, caller: Caller, raw: bytes) -> bytes:
        parse(admin_pb2.ListNodesRequest, raw)
        status = await caller.client.status()
        usage = {each.name: each for each in status.usage}
        nodes = [described(node, usage.get(node.name)) for node in status.map.nodes]
        return admin_pb2.ListNodesResponse(map_version=status.map.version, nodes=nodes).SerializeToString()
