"""Real processes that reach each other, and are reached, only through proxies that harm every connection: whatever
happens on the way, what was acknowledged is there, and nothing was done twice."""

from pathlib import Path

import pytest

from shoal.base.errors import CallerError, CorruptionError
from support.fault_proxy import POSSIBLE, Fault
from support.harmed_cluster import harmed


@pytest.mark.timeout(300)
async def test_connections_that_break_stall_or_fall_silent_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    async with harmed(tmp_path, seed=1) as them:
        await them.live_through(POSSIBLE)


@pytest.mark.timeout(300)
async def test_a_flipped_bit_on_the_way_is_never_stored_returned_or_believed(tmp_path: Path) -> None:
    async with harmed(tmp_path, seed=2) as them:
        await them.live_through((Fault.FLIP,), may_see=(CallerError, CorruptionError), done_min=200)
