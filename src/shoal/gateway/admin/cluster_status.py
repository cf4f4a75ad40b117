"""GetStatus: the cluster as a whole."""

from collections import Counter
from collections.abc import AsyncIterator

from shoal.gateway.callers import Caller
from shoal.gateway.rpc.door import Context, RpcDoor
from shoal.model.cluster import NodeState
from shoal_pb import admin_pb2


class StatusReport:
    """I answer GetStatus."""

    def __init__(self, door: RpcDoor) -> None:
        self._door = door

    async def call(self, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """Tell how the cluster is."""
        return await self._door.answer_one(
            messages, context, self._tell, kind=admin_pb2.GetStatusRequest, failing="no status", needs_admin=True
        )

    async def _tell(self, caller: Caller, asked: admin_pb2.GetStatusRequest) -> bytes:
        status = await caller.client.status()
        members, settings = status.map, status.map.settings
        states = Counter(node.state for node in members.nodes)
        return admin_pb2.ClusterStatus(
            cluster_id=members.cluster_id,
            map_version=members.version,
            nodes_up=states[NodeState.UP],
            nodes_suspect=states[NodeState.SUSPECT],
            nodes_down=states[NodeState.DOWN],
            nodes_expected=status.nodes_expected,
            copies=status.copies,
            write_quorum=status.write_quorum,
            selector=settings.selector,
            chunk_bytes=settings.chunk_bytes,
            objects=status.objects,
            chunks=status.chunks,
            under_replicated=status.under_replicated,
            unreadable=status.unreadable,
            catalog_copies=status.catalog_copies,
            sessions=status.sessions,
            warnings=status.warnings,
        ).SerializeToString()
