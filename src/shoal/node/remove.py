"""DELETE of a replica: only under a grant of the lease holder, and never under an epoch older than one seen before."""

from shoal.base.errors import StaleEpoch
from shoal.formats.grant import Grant
from shoal.node.identity import IdentityFile
from shoal.ports.chunk_store import ChunkStore
from shoal.ports.link import Reply
from shoal.ports.log import Log


async def remove_replica(store: ChunkStore, identity: IdentityFile, grant: Grant, *, log: Log) -> Reply:
    """204, whether it was held or not: a repeated call is harmless. Raises: StaleEpoch (another holder has taken
    over), StorageFull, DiskFailed. The epoch is durable before anything is done under it (fencing as in Chubby,
    Burrows 2006)."""
    if grant.epoch > identity.current.seen_epoch:
        await identity.raise_epoch(grant.epoch)
    seen = identity.current.seen_epoch
    if grant.epoch < seen:
        raise StaleEpoch("another lease holder has taken over", epoch=grant.epoch, seen=seen)
    was_held = await store.delete(grant.replica)
    log.info("replica_deleted", replica=grant.replica.address, was_held=was_held)
    return Reply(204)
