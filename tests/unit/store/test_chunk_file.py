"""One chunk file."""

import pytest

from shoal.base.digests import BLOCK_BYTES, BlockTable, sha256
from shoal.base.env import OpenMode
from shoal.base.errors import ChecksumMismatch, NotFound
from shoal.formats.segment import FILE_HEADER_BYTES, payload_offset
from shoal.ports.chunk_store import StoredReplica
from shoal.store.chunk_file import UnfinishedFile, file_bytes, open_chunk_file
from shoal.testing.sim.disk import SimDisk, Survival
from support.segments import CONTAINER
from support.stores import content, new_disk, replica

SIZE = BLOCK_BYTES + 11


async def file_on(disk: SimDisk, data: bytes) -> StoredReplica:
    unfinished = UnfinishedFile(await disk.open("f", OpenMode.CREATE), "f", CONTAINER)
    await unfinished.write(data[100:], offset=100, stored_bytes=len(data))
    await unfinished.write(data[:100], offset=0, stored_bytes=len(data))
    blocks = BlockTable()
    blocks.update(data)
    table = blocks.finish()
    info = StoredReplica(replica(1), len(data), len(data), 0, sha256(data), blocks.crc64)
    await unfinished.complete(info, table)
    await disk.sync_dir("")
    return info


@pytest.mark.parametrize("size", [0, 1, 8, SIZE])
async def test_a_completed_file_is_durable_and_reads_back(size: int) -> None:
    disk, data = new_disk(), content(1, size)
    info = await file_on(disk, data)
    disk.power_cycle(Survival.ALL_LOST)
    assert disk.size_now("f") == file_bytes(size)
    reader = await open_chunk_file(disk, "f", replica=replica(1), stored_bytes=size)
    assert reader.info == info
    assert await reader.read(0, size) == data
    span = reader.span(size // 2, 0)
    assert span is not None
    assert span.offset == FILE_HEADER_BYTES + payload_offset(size) + size // 2
    await reader.close()


async def test_every_damaged_byte_before_the_payload_is_seen() -> None:
    disk, data = new_disk(), content(1, 200)
    await file_on(disk, data)
    for at in range(FILE_HEADER_BYTES + payload_offset(200)):
        disk.flip_bit("f", at, at % 8)
        with pytest.raises(ChecksumMismatch):
            await open_chunk_file(disk, "f", replica=replica(1), stored_bytes=200)
        disk.flip_bit("f", at, at % 8)
    await open_chunk_file(disk, "f", replica=replica(1), stored_bytes=200)


async def test_a_file_of_another_size_or_replica_is_refused() -> None:
    disk = new_disk()
    await file_on(disk, content(1, SIZE))
    with pytest.raises(ChecksumMismatch):
        await open_chunk_file(disk, "f", replica=replica(2), stored_bytes=SIZE)
    with pytest.raises(ChecksumMismatch):
        await open_chunk_file(disk, "f", replica=replica(1), stored_bytes=SIZE + 1)
    for cut in (SIZE, 150, 10, 0):
        disk.truncate_now("f", cut)
        with pytest.raises(ChecksumMismatch):
            await open_chunk_file(disk, "f", replica=replica(1), stored_bytes=SIZE)
    with pytest.raises(NotFound):
        await open_chunk_file(disk, "g", replica=replica(1), stored_bytes=SIZE)


async def test_a_file_that_is_cut_while_open_is_damaged() -> None:
    disk = new_disk()
    await file_on(disk, content(1, 500))
    reader = await open_chunk_file(disk, "f", replica=replica(1), stored_bytes=500)
    disk.truncate_now("f", FILE_HEADER_BYTES + payload_offset(500) + 400)
    assert await reader.read(0, 400) == content(1, 500)[:400]
    with pytest.raises(ChecksumMismatch):
        await reader.read(300, 200)
