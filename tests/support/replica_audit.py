"""Every replica that the catalog believes in, fetched from its node: it is there, and it has the right bytes."""

from contextlib import aclosing

from shoal.base.digests import sha256
from shoal.base.errors import NotFound
from shoal.base.ids import ReplicaId
from shoal.client.client import Client
from shoal.core.names import DEFAULT_BUCKET
from shoal.core.routes import TABLE_HEADER
from shoal.model.messages.objects import ChunkLocation
from support.audited_load import Book
from support.faulty_cluster import COORDINATOR, FaultyPlan
from support.insider import Insider


async def audit_replicas(client: Client, book: Book, plan: FaultyPlan) -> None:
    """All replicas of the current versions of all keys, asked for at the nodes' own doors."""
    insider = Insider(plan.data, plan.real_address(COORDINATOR))
    names = {node.node_id: node.name for node in insider.members()}
    for key in book.ledger.keys:
        for chunk in await _chunks(client, key):
            for at in chunk.replicas:
                replica = ReplicaId(chunk.ref.chunk, at.shard, at.placement)
                answer = insider.answer(plan.real_address(names[at.node]), at.node, replica)
                assert answer.status == 200, f"{key}: {names[at.node]} has lost {replica.address}: {answer.error}"
                payload = answer.body[int(answer.headers[TABLE_HEADER]) :]
                assert sha256(payload) == chunk.ref.sha256, f"{key}: {names[at.node]} keeps other bytes"


async def _chunks(client: Client, key: str) -> list[ChunkLocation]:
    try:
        async with client.open(DEFAULT_BUCKET, key) as opened:
            async with aclosing(opened.slices(0, opened.version.size)) as slices:
                return [piece.location async for piece in slices]
    except NotFound:
        return []  # deleted; whether it may be is the ledger's business
