"""Keeping a replica: what every PUT needs of its node, whichever side of a forward it is on."""

from collections.abc import Callable
from dataclasses import dataclass

from shoal.base.env import Env
from shoal.base.errors import AlreadyExists
from shoal.base.ids import NodeId, ReplicaId
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.receipts import ChunkFacts, sign_receipt
from shoal.formats import wire
from shoal.formats.seal import Seal
from shoal.model.messages.replicas import PutReply, Receipt
from shoal.node.announcements import Announcements
from shoal.ports.chunk_store import ChunkStore, ReplicaWriter, StoredReplica
from shoal.ports.link import Reply


@dataclass(frozen=True, slots=True)
class Keeping:
    """One node's store, its signature, and its memory of what it still has to report."""

    env: Env
    node: NodeId
    store: ChunkStore
    keys: ClusterKeys
    receipt_key: bytes
    """This node's, of `keys`."""
    announcements: Announcements
    on_disk_trouble: Callable[[], None]
    """Called when the disk refused something: somebody looks whether the volume has failed."""

    async def begin(self, replica: ReplicaId, size: int) -> ReplicaWriter | StoredReplica:
        """A writer for a new replica, or what the address holds already. Raises: AlreadyExists (deleted here, or in
        quarantine), StorageFull, Throttled, DiskFailed."""
        try:
            return await self.store.create(replica, stored_bytes=size)
        except AlreadyExists:
            held = await self.store.stat(replica)
            if held is None:
                raise
            return held

    def kept(self, stored: StoredReplica) -> Receipt:
        """The receipt of a replica that has just become durable; it is reported from now on."""
        self.announcements.stored(stored, self.env.clock.now())
        return self.receipt(stored)

    def receipt(self, stored: StoredReplica) -> Receipt:
        """This node's word that `stored` is durable."""
        chunk, shard, placement = stored.replica
        facts = ChunkFacts(chunk, stored.stored_bytes, stored.sha256, stored.crc64)
        return sign_receipt(
            self.receipt_key,
            facts,
            node=self.node,
            shard=shard,
            placement=placement,
            is_volatile=self.store.is_volatile,
        )

    def receipt_again(self, held: StoredReplica, seal: Seal, size: int) -> Reply:
        """The answer to a PUT of what is held already. Raises: AlreadyExists if it is not the same."""
        if (held.stored_bytes, held.sha256, held.crc64) != (size, seal.sha256, seal.crc64):
            raise AlreadyExists("this address holds other bytes", replica=held.replica.address)
        return one_receipt(held, self.receipt(held))


def one_receipt(stored: StoredReplica, receipt: Receipt) -> Reply:
    """201 with the one receipt of this node."""
    reply = PutReply(size=stored.stored_bytes, sha256=stored.sha256, crc64=stored.crc64, receipts=(receipt,))
    return Reply(201, {}, wire.encode(reply))
