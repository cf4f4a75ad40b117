"""The processor of a simulated host."""

from random import Random

from shoal.base.digests import crc64, sha256
from shoal.testing.sim.cpu import JOB_NS, SimCpu
from shoal.testing.sim.loop import SimLoop


def test_work_takes_time_by_its_size() -> None:
    loop = SimLoop(Random(1))
    assert loop.run(SimCpu().run(sha256, bytes(1000))) == sha256(bytes(1000))
    assert loop.now_ns() == JOB_NS + 1000
    loop.close()


def test_a_buffer_that_changes_meanwhile_is_found_out() -> None:
    async def main() -> bool:
        buffer = bytearray(10)
        loop.call_soon(buffer.__setitem__, 0, 1)
        return await SimCpu().run(sha256, buffer) == sha256(bytes(10))

    loop = SimLoop(Random(1))
    assert loop.run(main()) is False
    loop.close()


async def test_streams_are_digested() -> None:
    digest = SimCpu().digest()
    await digest.update(b"ab")
    await digest.update(b"c")
    assert await digest.finish() == (sha256(b"abc"), crc64(b"abc"))
