"""The device under a simulated disk: its power, its faults, and the record of what it was asked.

A crash comes before an operation, never inside one: what an interrupted write or sync leaves behind is what
`Survival` makes of it when the power comes back.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Self

from shoal.base.errors import DiskFailed, StorageFull, check
from shoal.base.units import SECOND
from shoal.testing.sim.faults import Chooser, FaultPlan, PlannedFault
from shoal.testing.sim.operation import DiskOperation, FaultKind, OperationKind
from shoal.testing.sim.platter import Platter
from shoal.testing.sim.survival import Survival

_FULL = frozenset({FaultKind.NO_SPACE, FaultKind.OVER_QUOTA, FaultKind.SHORT_WRITE})
_FAILED = frozenset(
    {
        FaultKind.READ_EIO,
        FaultKind.WRITE_EIO,
        FaultKind.SYNC_EIO,
        FaultKind.BAD_SECTOR,
        FaultKind.DEAD,
        FaultKind.READ_ONLY,
    }
)


Delay = Callable[[str], int]
"""Nanoseconds that a call takes, by the value of its OperationKind."""


class PowerCut(BaseException):
    """The power is off. Not an Exception, so that no handler in the code under test survives it."""


class SimDevice:
    """I carry out operations until the power fails, and can say what would be left at any moment."""

    def __init__(
        self,
        rng: random.Random,
        *,
        record: bool = False,
        capacity_bytes: int | None = None,
        delay: Delay | None = None,
    ) -> None:
        self.capacity_bytes = capacity_bytes
        """When all files together may not grow any further; None: never."""
        self.delay = delay
        """How long asynchronous calls take; None: they do not even yield."""
        self.drag: Callable[[], int] | None = None
        """Nanoseconds more that each of them takes, while the device is sick; None: none."""
        self.operations = 0
        """Changes and syncs carried out since the last power cycle."""
        self.journal: list[DiskOperation] = []
        """The same one by one, if `record`."""
        self.generation = 0
        """Grows with every crash; handles of an earlier one are dead."""
        self.is_off = False
        """Whether a planned crash has struck and nothing has restarted me since."""
        self.locks: dict[str, int] = {}
        """The generation in which each was taken; those of earlier ones are void."""
        self.faults = FaultPlan()
        self.refused_count = 0
        """Changes that did not fit into `capacity_bytes`."""
        self._rng = rng
        self._record = record
        self.platter = Platter()
        self._operations_left: int | None = None
        self._base = Platter()
        self._replayed = (0, Platter())

    def crash_after(self, operations: int) -> None:
        """Raise PowerCut at the `operations`-th change or sync from now (1 is the next), and at every call after it
        until `power_cycle` or `process_crash`."""
        check(operations >= 1, "a crash comes at the next operation at the earliest", operations=operations)
        self._operations_left = operations

    def power_cycle(self, survival: Survival = Survival.RANDOM) -> None:
        """Cut the power and bring it back: un-synced changes survive by `survival`, handles and locks do not."""
        self.platter = self.platter.after_power_loss(survival, self._rng)
        self._start_record()
        self._restart()

    def process_crash(self) -> None:
        """Kill the process: handles and locks are gone; the page cache stays, ghosts of failed syncs included."""
        self._restart()

    def end_process(self) -> None:
        """Whoever used me is gone, and must not be told so in the middle of its remains: handles are dead, and I am
        off until `power_cycle` or `process_crash`."""
        self.generation += 1
        self.is_off = True

    def image(self, operations: int, survival: Survival, *, seed: int = 0) -> Self:
        """The disk after a power cut behind that many operations of the journal, as a fresh one; I stay as I am.

        Rot from `flip_bit` is not in it. Cost: images in growing order replay the journal once in all.
        """
        check(self._record, "the disk was not told to record")
        done, platter = self._replayed
        if operations < done:
            done, platter = 0, self._base.after_power_loss(Survival.ALL_KEPT, self._rng)
        for operation in self.journal[done:operations]:
            platter.apply(operation)
        self._replayed = (operations, platter)
        rng = random.Random(f"{seed}/{operations}")
        fresh = type(self)(rng, record=True, capacity_bytes=self.capacity_bytes)
        fresh.platter = platter.after_power_loss(survival, rng)
        fresh._start_record()
        return fresh

    def fail(
        self, kind: FaultKind, at: int | Chooser = 0, *, path: str | None = None, times: int | None = 1
    ) -> PlannedFault:
        """Let calls go wrong: `times` of them (None: without end), from the `at`-th fitting one from now (0 is the
        next) or whichever `at` chooses; of `path` only, if it is given."""
        return self.faults.add(kind, at, path=path, times=times)

    def flip_bit(self, path: str, offset: int, bit: int) -> None:
        """Rot: one bit of the file turns over on the medium, and in the cache so that it shows at once."""
        self.platter.flip_bit(path, offset, bit)

    def require_power(self, generation: int | None = None) -> None:
        """Raises: PowerCut if the power is off, or was since `generation`."""
        if self.is_off or generation not in (None, self.generation):
            raise PowerCut("the power is off")

    def perform(self, operation: DiskOperation, *, growth: int = 0) -> None:
        """Carry out a change or sync; `growth` is by how many bytes files would grow.

        Raises: PowerCut, StorageFull, DiskFailed.
        """
        self.require_power()
        self._count_down()
        fault = self.faults.draw(operation) or self._fault_of_growth(growth)
        operation = replace(operation, fault=fault) if fault else operation
        self.operations += 1
        if self._record:
            self.journal.append(operation)
        self.platter.apply(operation)
        _raise_fault(operation)

    def overwrite(self, path: str, offset: int, data: bytes) -> None:
        """Damage: these bytes of the file become others on the medium, and in the cache so that it shows at once."""
        self.platter.overwrite(path, offset, data)

    def perform_read(self, path: str, inode: int, *, offset: int, length: int) -> None:
        """What comes before bytes are taken from the platter. Raises: PowerCut, DiskFailed."""
        self.require_power()
        operation = DiskOperation(OperationKind.READ, path, inode, offset=offset, length=length)
        _raise_fault(replace(operation, fault=self.faults.draw(operation)))

    async def wait(self, kind: OperationKind) -> None:
        """Let half of the time that such a call takes pass: one half comes before its effect and one after, so that a
        cancelled call may have happened. Raises: PowerCut if the power went meanwhile."""
        if self.delay is not None:
            generation = self.generation
            dragged_ns = self.drag() if self.drag is not None else 0
            await asyncio.sleep((self.delay(kind.value) + dragged_ns) / 2 / SECOND)
            self.require_power(generation)

    def _start_record(self) -> None:
        """Make the present state, which has nothing un-synced, the beginning of the journal."""
        self.operations = 0
        self.journal = []
        if self._record:
            self._base = self.platter.after_power_loss(Survival.ALL_KEPT, self._rng)
            self._replayed = (0, self._base.after_power_loss(Survival.ALL_KEPT, self._rng))

    def _restart(self) -> None:
        self.generation += 1
        self.is_off = False
        self._operations_left = None

    def _count_down(self) -> None:
        if self._operations_left is None:
            return
        self._operations_left -= 1
        if not self._operations_left:
            self.is_off = True
            raise PowerCut("the power is off")

    def _fault_of_growth(self, growth: int) -> FaultKind | None:
        if self.capacity_bytes is None or growth <= 0:
            return None
        if growth <= self.capacity_bytes - self.platter.used_bytes():
            return None
        self.refused_count += 1
        return FaultKind.NO_SPACE


def _raise_fault(operation: DiskOperation) -> None:
    fault = operation.fault
    facts = {"during": operation.kind.value, "path": operation.path, "fault": fault}
    if fault in _FULL:
        raise StorageFull("no space left", **facts)
    if fault in _FAILED:
        raise DiskFailed("the disk failed", **facts)
