"""Errors of the disk at every call that the chunk store and the catalog make, one run for each call and kind.

Whatever fails and wherever: callers learn it in a class that says who must act, nothing wrong is read, nothing that
was acknowledged is lost (by a kill, or by a power cut, of which only what was synced remains), and once the disk is
well again a restart is whole.
"""

import random
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count

import pytest

from shoal.base.errors import DiskFailed, ShoalError, StorageFull
from shoal.testing.crash.audit import Audit
from shoal.testing.crash.life import Life
from shoal.testing.crash.machine import Machine, kill_process
from shoal.testing.crash.promises import NEVER, PromiseBroken
from shoal.testing.crash.step import Step, alphabet
from shoal.testing.sim.disk import FaultKind, Survival
from shoal.testing.sim.file import SimFile

SEQUENCE = (
    Step.PUT,
    Step.LARGE,
    Step.TOGETHER,
    Step.OVERWRITE,
    Step.CHECKPOINT,
    Step.OVERWRITE,
    Step.ROTATE,
    Step.DELETE,
    Step.KILL,
    Step.LARGE,
    Step.DELETE,
    Step.RESTART,
    Step.PUT,
)
FULL = (FaultKind.NO_SPACE, FaultKind.OVER_QUOTA, FaultKind.SHORT_WRITE)
pytestmark = pytest.mark.timeout(400)
"""Seconds of a machine that has other things to do: some of these take a quarter of a minute alone."""


class Errand:
    """I live through the sequence on a disk that fails, as somebody does who asks on after an error."""

    def __init__(
        self, kind: FaultKind, index: int, *, times: int | None, sequence: tuple[Step, ...] = SEQUENCE
    ) -> None:
        self._sequence = sequence
        self._reads_always = kind is FaultKind.READ_EIO
        self.life = Life(with_catalog=True)
        self.audit = Audit(self.life.promises, with_catalog=True)
        self.errors: list[ShoalError] = []
        self.life.disk.fail(kind, index, times=times)

    @property
    def fired(self) -> int:
        """How many faults struck."""
        return sum(self.life.disk.faults.fired.values())

    async def run(self) -> None:
        """All steps, the rest of them also after an error; a process that cannot start or stop is left."""
        machine = await self._started()
        for step in self._sequence:
            if machine is None:
                return
            was_failed, before = (await machine.store.usage()).is_failed, self._acknowledged_puts()
            try:
                machine = await self.life.take(step, machine)
            except ShoalError as exc:
                self.errors.append(exc)
                machine = None if step in (Step.KILL, Step.RESTART) else machine
            if was_failed and step not in (Step.KILL, Step.RESTART):
                assert self._acknowledged_puts() == before, "a failed volume has taken a replica"
            if machine is not None and (self.fired or self._reads_always):
                await self._look(machine)

    def _acknowledged_puts(self) -> int:
        return sum(span.ended != NEVER for span in self.life.promises.puts.values())

    async def _started(self) -> Machine | None:
        try:
            return await self.life.start()
        except ShoalError as exc:
            self.errors.append(exc)
            return None

    async def _look(self, machine: Machine) -> None:
        """What a reader sees meanwhile is right, or an error. Raises: PromiseBroken."""
        try:
            await self.audit.judge_running(machine, self.life.disk.operations)
        except ShoalError as exc:
            self.errors.append(exc)

    async def judge(self, *, survival: Survival | None) -> None:
        """The disk is well again, after a power cut, or a kill if nothing has to survive. Raises: PromiseBroken."""
        disk = self.life.disk
        disk.faults.clear()
        operation = disk.operations
        await kill_process(disk)
        if survival is not None:
            disk.power_cycle(survival)
        await self.audit.judge(disk, operation)


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


KINDS = (FaultKind.READ_EIO, FaultKind.WRITE_EIO, FaultKind.SYNC_EIO, *FULL)


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
    fired = 0
    for seed in range(part, 200, 4):
        rng = random.Random(seed)
        sequence = tuple(rng.choices(alphabet(with_catalog=True), k=rng.randint(3, 25)))
        times = rng.choice([1, 1, 2, 5, None])
        errand = Errand(rng.choice(KINDS), rng.randrange(20, 400), times=times, sequence=sequence)
        if rng.random() < 0.3:
            errand.life.disk.fail(rng.choice(KINDS), rng.randrange(20, 400))
        await errand.run()
        fired += bool(errand.fired)
        await errand.judge(survival=rng.choice([None, *Survival]))
    assert fired > 10
