"""What leaves the loop."""

import threading
from collections.abc import Iterator

import pytest

from shoal.base.digests import Buffer
from shoal.wiring.env.cpu import RealCpu
from shoal.wiring.env.digest import HOP_BYTES_MIN


@pytest.fixture
def cpu() -> Iterator[RealCpu]:
    made = RealCpu(threads=1)
    yield made
    made.close()


def where(*_buffers: object) -> int:
    return threading.get_ident()


@pytest.mark.parametrize("shape", [bytes, bytearray, memoryview])
async def test_only_large_buffers_leave_the_loop(cpu: RealCpu, shape: type[Buffer]) -> None:
    small, large = shape(bytes(HOP_BYTES_MIN // 2 - 1)), shape(bytes(HOP_BYTES_MIN))
    assert await cpu.run(where, small, 7, "text") == threading.get_ident()
    assert await cpu.run(where, small, small) == threading.get_ident()
    assert await cpu.run(where, large) != threading.get_ident()
    assert await cpu.run(where, [small, (small, small)]) != threading.get_ident()


async def test_the_error_of_a_job_is_raised(cpu: RealCpu) -> None:
    with pytest.raises(TypeError):
        await cpu.run(len, bytes(HOP_BYTES_MIN), 2)


async def test_a_job_gets_its_arguments_as_they_are(cpu: RealCpu) -> None:
    view = memoryview(bytearray(HOP_BYTES_MIN))
    assert await cpu.run(lambda *args: args, view, 3) == (view, 3)
