"""Receipts, and what an address holds already."""

from random import Random

import pytest

from shoal.base.digests import crc64, sha256
from shoal.base.errors import AccessDenied, AlreadyExists
from shoal.base.ids import ReplicaId
from shoal.core.trust.receipts import ChunkFacts, verify_receipt
from shoal.formats.seal import Seal
from shoal.node.announcements import Announcements
from shoal.node.keeping import Keeping
from shoal.ports.chunk_store import StoredReplica
from shoal.store.memory import MemoryStore
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import sim_env
from support.node_lab import FOREIGN_KEYS, KEYS, put_reply
from support.stores import NODE, put, replica


def keeping() -> Keeping:
    env = sim_env(SimDisk(Random(1)), Random(1))
    return Keeping(
        env=env,
        node=NODE,
        store=MemoryStore(),
        keys=KEYS,
        receipt_key=KEYS.receipt_key(NODE),
        announcements=Announcements(retry_ns=1),
        on_disk_trouble=lambda: None,
    )


async def held_by(node: Keeping, address: ReplicaId, data: bytes) -> StoredReplica:
    return await put(node.store, address, data)


async def test_a_receipt_is_this_nodes_word_for_exactly_these_bytes() -> None:
    node = keeping()
    stored = await held_by(node, replica(1, placement=3), b"bytes")
    receipt = node.kept(stored)
    facts = ChunkFacts(replica(1).chunk, 5, sha256(b"bytes"), crc64(b"bytes"))
    verify_receipt(KEYS.receipt_key(NODE), facts, receipt)
    assert (receipt.node, receipt.placement, receipt.is_volatile) == (NODE, 3, True)
    assert node.announcements.waiting_count == 1
    with pytest.raises(AccessDenied):
        verify_receipt(FOREIGN_KEYS.receipt_key(NODE), facts, receipt)


async def test_a_new_address_gets_a_writer() -> None:
    node = keeping()
    writer = await node.begin(replica(1), 5)
    assert not isinstance(writer, StoredReplica)
    await writer.abandon()


async def test_a_held_address_gets_its_receipt_again_if_it_is_the_same() -> None:
    node = keeping()
    stored = await held_by(node, replica(1), b"bytes")
    begun = await node.begin(replica(1), 5)
    assert begun == stored
    reply = put_reply(node.receipt_again(stored, Seal(sha256(b"bytes"), crc64(b"bytes")), 5))
    assert reply.receipts == (node.receipt(stored),)
    assert node.announcements.waiting_count == 0


@pytest.mark.parametrize(("other", "size"), [(b"other", 5), (b"bytes", 6)])
async def test_a_held_address_refuses_anything_else(other: bytes, size: int) -> None:
    node = keeping()
    stored = await held_by(node, replica(1), b"bytes")
    with pytest.raises(AlreadyExists):
        node.receipt_again(stored, Seal(sha256(other), crc64(other)), size)


@pytest.mark.parametrize("ending", ["delete", "quarantine"])
async def test_an_address_whose_replica_is_out_of_service_stays_taken(ending: str) -> None:
    node = keeping()
    await held_by(node, replica(1), b"bytes")
    await getattr(node.store, ending)(replica(1))
    with pytest.raises(AlreadyExists):
        await node.begin(replica(1), 5)
