"""A forward at the node that it is for: believed only as far as the primary has signed it."""

import asyncio
import random

import pytest

from shoal.base.digests import crc64, sha256
from shoal.base.errors import AccessDenied, AlreadyExists, DiskFailed, InvalidArgument, OutcomeUnknown, ShoalError
from shoal.base.ids import NodeId, ReplicaId
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.receipts import ChunkFacts, verify_receipt
from shoal.formats.seal import SEAL_BYTES, pack_seal, sign_seal
from shoal.node.announcements import Announcements
from shoal.node.keeping import Keeping
from shoal.node.put_request import ForwardedPut
from shoal.node.replica_put import put_as_replica
from shoal.ports.link import FRAME_BYTES, Reply
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.env import sim_env
from support.frames import Frames, cut
from support.members import node_id
from support.node_lab import FOREIGN_KEYS, KEYS, client_seal, put_reply
from support.stores import NODE, content, put, replica
from support.watched_store import WatchedStore

PRIMARY = node_id("primary")
SIZES = [0, 1, 4096, 70_000, 2 * FRAME_BYTES + 7]


class Target:
    """One node that forwards come to."""

    def __init__(self) -> None:
        self.store = WatchedStore()
        self.crashpoints: list[str] = []
        env = sim_env(SimDisk(random.Random(1)), random.Random(1), crashpoint=self.crashpoints.append)
        self.keeping = Keeping(
            env=env,
            node=NODE,
            store=self.store,
            keys=KEYS,
            receipt_key=KEYS.receipt_key(NODE),
            announcements=Announcements(retry_ns=1),
            on_disk_trouble=lambda: None,
        )

    async def take(self, payload: bytes, seal: bytes, *, size: int | None = None, frame: int = FRAME_BYTES) -> Reply:
        """A forward of `payload` with this seal."""
        forward = ForwardedPut(replica(1), len(payload) if size is None else size, PRIMARY)
        return await put_as_replica(self.keeping, forward, Frames(cut(payload + seal, frame)))

    async def is_empty(self) -> bool:
        return (self.store.writers, self.store.readers) == (0, 0) and (await self.store.usage()).replica_count == 0


def seal_of(
    payload: bytes,
    *,
    keys: ClusterKeys = KEYS,
    primary: NodeId = PRIMARY,
    address: ReplicaId | None = None,
    size: int | None = None,
    digest_of: bytes | None = None,
) -> bytes:
    told = payload if digest_of is None else digest_of
    return pack_seal(
        sign_seal(
            keys.seal_key(primary),
            address or replica(1),
            size=len(payload) if size is None else size,
            sha256=sha256(told),
            crc64=crc64(told),
        )
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("frame", [1000, FRAME_BYTES])
async def test_a_sealed_forward_is_kept_and_acknowledged(size: int, frame: int) -> None:
    target, data = Target(), content(1, size)
    reply = put_reply(await target.take(data, seal_of(data), frame=frame))
    (receipt,) = reply.receipts
    verify_receipt(KEYS.receipt_key(NODE), ChunkFacts(replica(1).chunk, size, sha256(data), crc64(data)), receipt)
    stored = await target.store.stat(replica(1))
    assert stored is not None
    assert (stored.sha256, stored.crc64, stored.stored_bytes) == (sha256(data), crc64(data), size)
    assert target.keeping.announcements.waiting_count == 1
    assert target.crashpoints == ["node.replica.stored"]
    assert target.store.writers == 0


@pytest.mark.parametrize(
    ("seal", "error"),
    [
        (seal_of(b"bytes", keys=FOREIGN_KEYS), AccessDenied),
        (seal_of(b"bytes", primary=NODE), AccessDenied),
        (seal_of(b"bytes", address=replica(1, placement=2)), AccessDenied),
        (seal_of(b"bytes", address=replica(2)), AccessDenied),
        (seal_of(b"bytes", size=6), AccessDenied),
        (client_seal(b"bytes"), AccessDenied),
        (seal_of(b"bytes", digest_of=b"other"), InvalidArgument),
        (bytes(SEAL_BYTES), InvalidArgument),
    ],
)
async def test_a_seal_that_is_not_the_primarys_for_these_bytes_stores_nothing(
    seal: bytes, error: type[ShoalError]
) -> None:
    target = Target()
    with pytest.raises(error):
        await target.take(b"bytes", seal)
    assert await target.is_empty()


@pytest.mark.parametrize("change", [-1, 1])
async def test_a_body_of_another_length_stores_nothing(change: int) -> None:
    target = Target()
    with pytest.raises(InvalidArgument):
        await target.take(b"bytes" * 100, seal_of(b"bytes" * 100), size=500 + change)
    assert await target.is_empty()


@pytest.mark.parametrize("size", [10, 4096, 2 * FRAME_BYTES])
async def test_a_body_that_breaks_off_stores_nothing(size: int) -> None:
    target = Target()
    body = Frames([content(1, size // 2), OutcomeUnknown("cut")])
    with pytest.raises(OutcomeUnknown):
        await put_as_replica(target.keeping, ForwardedPut(replica(1), size, PRIMARY), body)
    assert await target.is_empty()


async def test_the_same_again_gets_the_same_receipt_without_being_stored_again() -> None:
    target, data = Target(), content(1, 70_000)
    first = put_reply(await target.take(data, seal_of(data)))
    assert put_reply(await target.take(data, seal_of(data))) == first
    assert target.store.finishes == 1


async def test_other_bytes_for_a_held_address_are_refused() -> None:
    target = Target()
    await put(target.store, replica(1), b"bytes")
    with pytest.raises(AlreadyExists):
        await target.take(b"other", seal_of(b"other"))
    with pytest.raises(AlreadyExists):
        await target.take(b"longer", seal_of(b"longer"))


async def test_a_held_address_says_nothing_to_a_forger() -> None:
    target = Target()
    await put(target.store, replica(1), b"bytes")
    with pytest.raises(AccessDenied):
        await target.take(b"bytes", client_seal(b"bytes"))


@pytest.mark.parametrize("call", ["write", "finish"])
async def test_a_store_that_fails_leaves_no_writer(call: str) -> None:
    target = Target()

    async def fail() -> None:
        raise DiskFailed("eio")

    target.store.before[call] = fail
    with pytest.raises(DiskFailed):
        await target.take(b"bytes", seal_of(b"bytes"))
    assert target.store.writers == 0


@pytest.mark.parametrize("call", ["write", "finish"])
async def test_a_cancelled_forward_leaves_no_writer(call: str) -> None:
    target = Target()

    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    target.store.before[call] = forever
    task = asyncio.create_task(target.take(b"bytes", seal_of(b"bytes")))
    await asyncio.sleep(0)
    assert target.store.writers == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await target.is_empty()
