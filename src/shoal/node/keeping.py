"""Keeping a replica: what every PUT needs of its node, whichever side of a forward it is on."""

from dataclasses import dataclass

from shoal.base.env import Env
from shoal.base.errors import AlreadyExists
from shoal.base.ids import NodeId
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.receipts import ChunkFacts, sign_receipt
from shoal.formats import wire
from shoal.formats.seal import Seal
from shoal.model.messages.replicas import PutReply, Receipt
from shoal.node.announcements import Announcements
from shoal.ports.chunk_store import ChunkStore, StoredReplica
from shoal.ports.link import Reply


@dataclass(frozen=True, slots=True)
class Keeping:
    """One node's store, its signature, and its memory of what it still has to report."""

    env: Env
    node: NodeId
    store: ChunkStore
    keys: ClusterKeys
    announcements: Announcements

    def kept(self, stored: StoredReplica) -> Receipt:
        """The receipt of a replica that has just become durable; it is reported from now on."""
        self.announcements.stored(stored, self.env.clock.now())
        return self.receipt(stored)

    def receipt(self, stored: StoredReplica) -> Receipt:
        """This node's word that `stored` is durable."""
        chunk, shard, placement = stored.replica
        facts = ChunkFacts(chunk, stored.stored_bytes, stored.sha256, stored.crc64)
        return sign_receipt(
            self.keys.receipt_key(self.node),
            facts,
            node=self.node,
            shard=shard,
            placement=placement,
            is_volatile=self.store.is_volatile,
        )


def put_reply(stored: StoredReplica, receipt: Receipt) -> Reply:
    """The answer with one receipt."""
    return reply_with(PutReply(size=stored.stored_bytes, sha256=stored.sha256, crc64=stored.crc64, receipts=(receipt,)))


def reply_with(message: PutReply) -> Reply:
    """201 with a message."""
    return Reply(201, {}, wire.encode(message))


def check_same(stored: StoredReplica, seal: Seal, *, size: int) -> None:
    """Raises: AlreadyExists unless `stored` is what is being sent again."""
    if (stored.stored_bytes, stored.sha256, stored.crc64) != (size, seal.sha256, seal.crc64):
        raise AlreadyExists("this address holds other bytes", replica=stored.replica.address)
