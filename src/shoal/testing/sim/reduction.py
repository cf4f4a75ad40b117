"""Options with something left out: how a failing seed is made smaller, and how the smaller one is named."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace

from shoal.base.errors import InvalidArgument
from shoal.testing.sim.nemesis import HARMS
from shoal.testing.sim.network_faults import NetworkFaults
from shoal.testing.sim.swarm import SwarmOptions
from shoal.testing.sim.worker import MIX

PROBABILITIES = tuple(each.name for each in fields(NetworkFaults) if not each.name.endswith(("_ns", "_share")))
CRASHPOINT, HURRY, REST = "crashpoint", "hurry", "rest"
NAMES = (*HARMS, *PROBABILITIES, *MIX, CRASHPOINT, HURRY, REST)
"""All that can be left out: harms, what the network does by itself, operations, crashes at crash points, users that
give up, the node that stays dead."""


@dataclass(frozen=True, slots=True)
class Reduction:
    """What is left out of the options of a seed. `operations`: how many are done; None: as many as drawn."""

    without: tuple[str, ...] = ()
    operations: int | None = None

    def __call__(self, options: SwarmOptions) -> SwarmOptions:
        """The options that are left."""
        world, work, nemesis = options.world, options.workload, options.nemesis
        hurry = 0.0 if HURRY in self.without else work.work.hurry
        off = {name: 0.0 for name in PROBABILITIES if name in self.without}
        mix = {name: weight for name, weight in work.work.mix.items() if name not in self.without}
        if self.operations is not None:
            work = replace(work, operations=self.operations, acknowledged_min=0)
        return replace(
            options,
            world=replace(
                world,
                faults=replace(world.faults, **off),  # type: ignore[arg-type]
                crashpoint=0.0 if CRASHPOINT in self.without else world.crashpoint,
            ),
            nemesis=replace(nemesis, harms=tuple([harm for harm in nemesis.harms if harm not in self.without])),
            workload=replace(
                work,
                work=replace(work.work, mix=mix or work.work.mix, hurry=hurry),
            ),
            rest=() if REST in self.without else options.rest,
        )

    def words(self) -> str:
        """The same as options of the command."""
        count = [] if self.operations is None else [f"--operations {self.operations}"]
        return " ".join([*(f"--without {name}" for name in self.without), *count])


def check_names(names: Collection[str]) -> tuple[str, ...]:
    """`names`, if they can be left out. Raises: InvalidArgument."""
    for name in names:
        if name not in NAMES:
            raise InvalidArgument(f"nothing is called {name!r} that could be left out; there are {', '.join(NAMES)}")
    if not {*MIX} - {*names}:
        raise InvalidArgument("some operation must be left")
    return tuple(names)


def in_force(options: SwarmOptions) -> list[str]:
    """What could be left out and would be missed."""
    faults = options.world.faults
    names = [*options.nemesis.harms, *(name for name in PROBABILITIES if getattr(faults, name))]
    names += [name for name in options.workload.work.mix if len(options.workload.work.mix) > 1]
    names += [CRASHPOINT] if options.world.crashpoint else []
    names += [HURRY] if options.workload.work.hurry else []
    return names + ([REST] if options.rest else [])


class Shrinking:
    """I leave out one thing after the other, and do fewer operations, as long as `fails` says that it still fails."""

    def __init__(self, options: SwarmOptions, start: Reduction, fails: Callable[[Reduction], bool]) -> None:
        """`options` are those of the seed as it was drawn; they fail under `start`."""
        self._options = options
        self._fails = fails
        self.smallest = start
        """That still fails."""
        self.runs = 0

    def shrink(self, runs_max: int) -> Reduction:
        """The smallest that was found in so many runs."""
        before = None
        while before != self.smallest and self.runs < runs_max:
            before = self.smallest
            self._do_less(runs_max)
            for name in in_force(self.smallest(self._options)):
                if self.runs < runs_max and name in in_force(self.smallest(self._options)):
                    self._try(replace(self.smallest, without=(*self.smallest.without, name)))
        return self.smallest

    def _do_less(self, runs_max: int) -> None:
        """Halve the operations while that is possible."""
        while self.runs < runs_max:
            operations = self.smallest(self._options).workload.operations // 2
            if not operations or not self._try(replace(self.smallest, operations=operations)):
                return

    def _try(self, smaller: Reduction) -> bool:
        self.runs += 1
        if not self._fails(smaller):
            return False
        self.smallest = smaller
        return True
