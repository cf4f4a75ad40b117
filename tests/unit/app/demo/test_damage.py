"""Rot on demand hits the payload of the replica that was meant, and nothing else."""

import random
from pathlib import Path

import pytest

from shoal.app.demo.damage import flip_byte
from shoal.base.digests import crc64, sha256
from shoal.base.errors import NotFound
from shoal.base.ids import ChunkId, ReplicaId, SessionId, mint_chunk_id
from shoal.base.units import MIB
from shoal.model.catalog import ChunkRef
from shoal.store.disk import open_disk_store
from shoal.store.settings import StoreSettings
from shoal.wiring.env import opened_env
from support.stores import NODE, STORE_UUID, EventLog, put

SETTINGS = StoreSettings(segment_bytes_min=4 * MIB, segment_bytes_max=8 * MIB, reserve_bytes_min=0, fan_out=2)


def chunk_id(number: int) -> ChunkId:
    return mint_chunk_id(SessionId(1 << 48 | 1), number)


CONTENTS = (
    b"x",
    bytes(70_000),
    random.Random(2).randbytes(70_000),
    b"".join(chunk_id(number) for number in range(5)),
    bytes(2 * MIB),
)
"""Zeros, as files and preallocated segments have them, and the ids of all chunks."""


def ref_of(number: int) -> ChunkRef:
    content = CONTENTS[number]
    return ChunkRef(chunk_id(number), len(content), sha256(content), crc64(content))


async def fill(directory: Path) -> None:
    with opened_env(directory) as env:
        store = await open_disk_store(env, SETTINGS, node_id=NODE, store_uuid=STORE_UUID, log=EventLog())
        for number in (3, 0, 1, 2, 4):
            await put(store, ReplicaId(chunk_id(number), 0, 1), CONTENTS[number])
        await store.close()


async def read_all(directory: Path) -> list[bytes]:
    with opened_env(directory) as env:
        store = await open_disk_store(env, SETTINGS, node_id=NODE, store_uuid=STORE_UUID, log=EventLog())
        contents = []
        for number, content in enumerate(CONTENTS):
            reader = await store.open(ReplicaId(chunk_id(number), 0, 1))
            contents.append(await reader.read(0, len(content)))
            await reader.close()
        await store.close()
    return contents


@pytest.mark.parametrize("number", range(5))
async def test_one_bit_of_the_meant_payload_is_flipped(tmp_path: Path, number: int) -> None:
    await fill(tmp_path)
    damaged = flip_byte(tmp_path, ref_of(number))
    assert damaged.is_relative_to(tmp_path)
    wanted = list(CONTENTS)
    wanted[number] = bytes((wanted[number][0] ^ 1,)) + wanted[number][1:]
    assert await read_all(tmp_path) == wanted


async def test_a_replica_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    await fill(tmp_path)
    with pytest.raises(NotFound):
        flip_byte(tmp_path, ChunkRef(chunk_id(7), 1, bytes(32), 0))
    assert await read_all(tmp_path) == list(CONTENTS)
