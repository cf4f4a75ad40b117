"""What one chunk store does alone, without network or catalog: small puts and gets, and large streams.

    python bench/store_rate.py [--directory DIR]

The large stream is compared with the same writes and one fdatasync on a bare file, in turn; SHA-256 is left out of
both, since the caller of a store has it already.
"""

import argparse
import asyncio
import resource
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from shoal.base.env import Env, OpenMode
from shoal.base.ids import NodeId, ReplicaId, SessionId, mint_chunk_id
from shoal.base.units import KIB, MIB
from shoal.ports.chunk_store import ChunkStore
from shoal.store.disk import open_disk_store
from shoal.store.settings import StoreSettings
from shoal.wiring.env import real_env
from shoal.wiring.log import Level, StreamLog

SMALL = bytes(range(256)) * 16
FRAME = bytes(range(256)) * 4 * KIB
WRITERS = 32
SMALL_PUTS = 20_000
LARGE_BYTES = 64 * MIB
ROUNDS = 5


def replica(number: int) -> ReplicaId:
    """An address of this run."""
    return ReplicaId(mint_chunk_id(SessionId(1), number), 0, 1)


async def put(store: ChunkStore, number: int, frame: bytes, *, frames: int = 1) -> None:
    """Store `frames` times `frame`."""
    writer = await store.create(replica(number), stored_bytes=len(frame) * frames)
    for _ in range(frames):
        await writer.write(frame)
    await writer.finish(bytes(32))


async def get(store: ChunkStore, number: int) -> None:
    """Read a small replica."""
    reader = await store.open(replica(number))
    await reader.read(0, reader.info.stored_bytes)
    await reader.close()


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    """How long `work` takes."""
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


async def small(store: ChunkStore) -> None:
    """Puts by one and by many writers, gets by one reader."""

    async def writer(first: int) -> None:
        for number in range(first, SMALL_PUTS, WRITERS):
            await put(store, number, SMALL)

    async def lone_writer() -> None:
        for number in range(1000):
            await put(store, 1_000_000 + number, SMALL)

    async def reader() -> None:
        for number in range(SMALL_PUTS):
            await get(store, number)

    print(f"put 4 KiB, 1 writer:   {1000 / await seconds(lone_writer):9,.0f} a second")
    cpu = time.process_time()
    took = await seconds(lambda: asyncio.gather(*(writer(first) for first in range(WRITERS))))
    cpu = (time.process_time() - cpu) / SMALL_PUTS * 1e6
    print(f"put 4 KiB, {WRITERS} writers: {SMALL_PUTS / took:9,.0f} a second, {cpu:.0f} us of CPU each")
    print(f"get 4 KiB, 1 reader:   {SMALL_PUTS / await seconds(reader):9,.0f} a second")


async def large(store: ChunkStore, env: Env) -> None:
    """64 MiB streams and bare files in turn."""

    async def bare(number: int) -> None:
        file = await env.disk.open(f"bare{number}", OpenMode.CREATE)
        for at in range(0, LARGE_BYTES, len(FRAME)):
            await file.pwrite(at, FRAME)
        await file.fdatasync()
        await file.close()

    frames = LARGE_BYTES // len(FRAME)
    for number in range(ROUNDS):
        stored = await seconds(lambda number=number: put(store, 2_000_000 + number, FRAME, frames=frames))
        raw = await seconds(lambda number=number: bare(number))
        rates = [LARGE_BYTES / MIB / took for took in (stored, raw)]
        print(f"put 64 MiB: {rates[0]:6,.0f} MiB/s, bare file {rates[1]:6,.0f} MiB/s, ratio {rates[0] / rates[1]:.2f}")


async def run(directory: Path) -> None:
    """All of it, on a fresh volume."""
    env = real_env(directory)
    log = StreamLog(level=Level.WARNING)
    store = await open_disk_store(env, StoreSettings(), node_id=NodeId("0a" * 16), store_uuid=bytes(16), log=log)
    await small(store)
    await large(store, env)
    await store.close()
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, help="where to make a temporary directory")
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="shoal-rate-", dir=arguments.directory))
    asyncio.run(run(directory))
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
