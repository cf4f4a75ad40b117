"""Which calls to a simulated disk go wrong, chosen by their place in the order of calls or by a predicate."""

from collections.abc import Callable
from dataclasses import dataclass

from shoal.testing.sim.operation import FAULT_REACH, DiskOperation, FaultKind

Chooser = Callable[[DiskOperation], bool]


@dataclass(slots=True, eq=False)
class PlannedFault:
    """One entry of a plan; give it to `FaultPlan.forget`."""

    kind: FaultKind
    at: int | Chooser
    path: str | None
    left: int | None
    seen: int = 0

    def fires(self, operation: DiskOperation) -> bool:
        """Whether `operation` meets it; counted if it fits."""
        if operation.kind not in FAULT_REACH[self.kind] or self.path not in (None, operation.path):
            return False
        if self.left == 0:
            return False
        self.seen += 1
        chosen = self.seen > self.at if isinstance(self.at, int) else self.at(operation)
        if chosen and self.left is not None:
            self.left -= 1
        return chosen


class FaultPlan:
    """I say which fault a call meets, and count the faults that fired."""

    def __init__(self) -> None:
        self._plans: list[PlannedFault] = []
        self.fired: dict[FaultKind, int] = {}

    def add(self, kind: FaultKind, at: int | Chooser, *, path: str | None, times: int | None) -> PlannedFault:
        """From the `at`-th fitting call from now (0 is the next), `times` calls meet the fault; None: all of them."""
        planned = PlannedFault(kind, at, path, times)
        self._plans.append(planned)
        return planned

    def forget(self, planned: PlannedFault) -> None:
        """What has not fired of it never will."""
        self._plans = [plan for plan in self._plans if plan is not planned]

    def clear(self) -> None:
        """No more faults."""
        self._plans.clear()

    def draw(self, operation: DiskOperation) -> FaultKind | None:
        """The fault of this call, if it has one; of several that fit, the first planned."""
        fired = [plan.kind for plan in self._plans if plan.fires(operation)]
        self._plans = [plan for plan in self._plans if plan.left != 0]
        if not fired:
            return None
        self.fired[fired[0]] = self.fired.get(fired[0], 0) + 1
        return fired[0]
