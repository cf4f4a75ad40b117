"""A life of store and catalog on a disk that fails, as somebody leads it who asks on after an error."""

import random

from shoal.base.errors import ShoalError
from shoal.store.layout import ROOT, SEGMENTS
from shoal.testing.crash.audit import Audit
from shoal.testing.crash.life import Life
from shoal.testing.crash.machine import Machine, kill_process
from shoal.testing.crash.promises import NEVER, PromiseBroken
from shoal.testing.crash.step import Step, alphabet
from shoal.testing.sim.disk import FaultKind, OperationKind, Survival

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
FAILED = (FaultKind.WRITE_EIO, FaultKind.SYNC_EIO)
"""After one of them a volume takes no more writes."""
FULL = (FaultKind.NO_SPACE, FaultKind.OVER_QUOTA, FaultKind.SHORT_WRITE)
KINDS = (FaultKind.READ_EIO, *FAILED, *FULL)


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
        self._alive_from = 0
        """Where the present process begins in the disk's journal."""

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
            is_start = step in (Step.KILL, Step.RESTART)
            try:
                machine = await self.life.take(step, machine)
            except ShoalError as exc:
                self.errors.append(exc)
                machine = None if is_start else machine
            if is_start:
                self._alive_from = len(self.life.journal)
            else:
                assert not was_failed or self._acknowledged_puts() == before, "a failed volume has taken a replica"
                self._require_no_write_behind_a_failed_one()
            if machine is not None and (self.fired or self._reads_always):
                await self._look(machine)

    def _require_no_write_behind_a_failed_one(self) -> None:
        """What was not synced may be lost, and no later sync would say so."""
        has_failed = False
        for operation in self.life.journal[self._alive_from :]:
            is_record = operation.kind is OperationKind.WRITE and operation.path.startswith(f"{SEGMENTS}/")
            if has_failed and is_record:
                raise PromiseBroken(f"a failed volume was written to: {operation.path}")
            has_failed = has_failed or (operation.fault in FAILED and operation.path.startswith(f"{ROOT}/"))

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


async def live(seed: int) -> bool:
    """A drawn life with one or two kinds of errors, judged; whether any struck. Raises: PromiseBroken."""
    rng = random.Random(seed)
    sequence = tuple(rng.choices(alphabet(with_catalog=True), k=rng.randint(3, 25)))
    times = rng.choice([1, 1, 2, 5, None])
    errand = Errand(rng.choice(KINDS), rng.randrange(20, 400), times=times, sequence=sequence)
    if rng.random() < 0.3:
        errand.life.disk.fail(rng.choice(KINDS), rng.randrange(20, 400))
    await errand.run()
    has_fired = bool(errand.fired)
    await errand.judge(survival=rng.choice([None, *Survival]))
    return has_fired
