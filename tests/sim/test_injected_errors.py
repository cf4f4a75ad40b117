"""Errors of the disk at every call that the chunk store and the catalog make, one run for each call and kind.

Whatever fails and wherever: callers learn it in a class that says who must act, nothing wrong is read, nothing that
was acknowledged is lost (by a kill, or by a power cut, of which only what was synced remains), and once the disk is
well again a restart is whole.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count

import pytest

from shoal.base.errors import DiskFailed, StorageFull
from shoal.testing.crash.promises import PromiseBroken
from shoal.testing.sim.disk import FaultKind, Survival
from shoal.testing.sim.file import SimFile
from support.errand import FULL, KINDS, Errand, live

pytestmark = pytest.mark.timeout(400)
"""Seconds of a machine that has other things to do: some of these take a quarter of a minute alone."""


async def errands(kind: FaultKind, *, by_kill: bool, times: int | None = 1) -> AsyncIterator[Errand]:
    """One for each call that `kind` can hit, in which it does, judged."""
    for index in count():
        errand = Errand(kind, index, times=times)
        await errand.run()
        fired = errand.fired
        await errand.judge(survival=None if by_kill else Survival.ALL_LOST)
        if not fired:
            assert index > 40, f"{kind} could hit {index} calls only"
            return
        yield errand


@pytest.mark.parametrize("kind", KINDS)
async def test_one_error_at_any_call_loses_nothing_and_says_who_must_act(kind: FaultKind) -> None:
    allowed = {StorageFull, DiskFailed} if kind in FULL else {DiskFailed}
    async for errand in errands(kind, by_kill=False):
        assert {type(error) for error in errand.errors} <= allowed, errand.errors


@pytest.mark.parametrize("kind", [FaultKind.WRITE_EIO, FaultKind.SYNC_EIO, FaultKind.SHORT_WRITE])
async def test_a_kill_after_an_error_shows_no_ghosts(kind: FaultKind) -> None:
    """The page cache still shows what a failed sync did not store."""
    async for _ in errands(kind, by_kill=True):
        pass


@pytest.mark.parametrize("kind", [FaultKind.READ_EIO, FaultKind.WRITE_EIO, FaultKind.SYNC_EIO, FaultKind.NO_SPACE])
async def test_a_disk_that_fails_from_any_call_on_loses_nothing(kind: FaultKind) -> None:
    async for errand in errands(kind, by_kill=False, times=None):
        assert errand.errors


async def test_a_sync_whose_failure_is_passed_over_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = SimFile.fdatasync

    async def forgiving(file: SimFile) -> None:
        with suppress(DiskFailed):
            await right(file)

    monkeypatch.setattr(SimFile, "fdatasync", forgiving)
    with pytest.raises(PromiseBroken):
        async for _ in errands(FaultKind.SYNC_EIO, by_kill=False):
            pass


@pytest.mark.parametrize("part", range(4))
async def test_errors_in_drawn_lives_lose_nothing(part: int) -> None:
    fired = [await live(seed) for seed in range(part, 200, 4)]
    assert sum(fired) > 10
