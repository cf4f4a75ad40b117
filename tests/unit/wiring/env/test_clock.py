"""The machine's clocks."""

from shoal.wiring.env.clock import RealClock


async def test_time_passes_while_sleeping() -> None:
    clock = RealClock()
    before = clock.now()
    await clock.sleep(1000)
    assert clock.now() - before >= 1000


def test_wall_time_is_unix_time_in_nanoseconds() -> None:
    assert 1_700_000_000 < RealClock().wall() / 1e9 < 5_000_000_000
