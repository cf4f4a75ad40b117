"""Digests computed beside a stream."""

import asyncio
import random
from collections.abc import Iterator

import pytest

from shoal.base.digests import crc64, sha256
from shoal.wiring.env import digest as module
from shoal.wiring.env.digest import HOP_BYTES_MIN, RealStreamDigest
from shoal.wiring.env.workers import WorkerPool

QUEUED_BYTES_MAX = 4 * HOP_BYTES_MIN


@pytest.fixture(autouse=True)
def small_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUED_BYTES_MAX", QUEUED_BYTES_MAX)


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool("test", threads=2)
    yield made
    made.close()


@pytest.mark.parametrize("frame_bytes", [1000, HOP_BYTES_MIN - 1, HOP_BYTES_MIN, 300_000, QUEUED_BYTES_MAX])
async def test_frames_of_any_size_give_the_digest_of_the_stream(pool: WorkerPool, frame_bytes: int) -> None:
    stream = random.Random(1).randbytes(frame_bytes * 3 + 17)
    digest = RealStreamDigest(pool)
    for offset in range(0, len(stream), frame_bytes):
        await digest.update(memoryview(stream)[offset : offset + frame_bytes])
    assert await digest.finish() == (sha256(stream), crc64(stream))


async def test_the_digest_of_nothing_is_that_of_no_bytes(pool: WorkerPool) -> None:
    assert await RealStreamDigest(pool).finish() == (sha256(b""), crc64(b""))


async def test_streams_side_by_side_do_not_mix(pool: WorkerPool) -> None:
    async def one(seed: int) -> bool:
        digest, stream = RealStreamDigest(pool), random.Random(seed).randbytes(500_000)
        for offset in range(0, len(stream), 100_000):
            await digest.update(stream[offset : offset + 100_000])
            await asyncio.sleep(0)
        return await digest.finish() == (sha256(stream), crc64(stream))

    assert await asyncio.gather(*(one(seed) for seed in range(6))) == [True] * 6


async def test_a_cancelled_update_loses_no_frame(pool: WorkerPool) -> None:
    digest, frame = RealStreamDigest(pool), bytes(QUEUED_BYTES_MAX // 2)
    tasks = []
    for _ in range(5):
        tasks.append(asyncio.ensure_future(digest.update(frame)))
        await asyncio.sleep(0)
        tasks[-1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (await digest.finish())[0] == sha256(frame * 5)
