"""Breadth first through all states that a scenario can come to."""

from collections.abc import Iterator
from dataclasses import dataclass

from shoal.testing.deletion.canonical import canonical
from shoal.testing.deletion.clients import client_steps, with_item
from shoal.testing.deletion.collector import collector_steps
from shoal.testing.deletion.movers import mover_steps
from shoal.testing.deletion.reading import reader_steps
from shoal.testing.deletion.rules import broken_rule, left_over
from shoal.testing.deletion.scenario import Scenario
from shoal.testing.deletion.state import NodeLife, State, initial
from shoal.testing.deletion.step import Act, Step


@dataclass(frozen=True, slots=True)
class Explored:
    """All that a scenario can come to, or the shortest way to a broken rule."""

    states: int
    steps: int
    rests: int
    violation: str | None
    trace: tuple[str, ...]


def steps(state: State, scenario: Scenario) -> Iterator[Step]:
    """All that can happen next."""
    yield from client_steps(state, scenario)
    yield from collector_steps(state, scenario)
    if scenario.placements_max:
        yield from mover_steps(state, scenario)
    yield from reader_steps(state, scenario)
    yield from _events(state, scenario)


def _events(state: State, scenario: Scenario) -> Iterator[Step]:
    """What happens to nodes and to the holder of the lease."""
    if scenario.has_takeover and state.epoch == 1:
        yield Step(Act.TAKE_OVER, (), state._replace(epoch=2))
    node = scenario.leaving_node
    if node is None:
        return
    if state.nodes[node] is NodeLife.UP:
        yield Step(Act.GO_AWAY, (node,), state._replace(nodes=with_item(state.nodes, node, NodeLife.AWAY)))
    if state.nodes[node] is NodeLife.AWAY:
        yield Step(Act.COME_BACK, (node,), state._replace(nodes=with_item(state.nodes, node, NodeLife.BACK)))
        if scenario.is_destroyed:
            destroyed = state._replace(
                nodes=with_item(state.nodes, node, NodeLife.DESTROYED),
                disk=frozenset(replica for replica in state.disk if replica[2] != node),
            )
            yield Step(Act.DESTROY, (node,), destroyed)


class Exploration:
    """I know every state that was reached, and from where; states are numbered as they are found."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        start = canonical(initial(scenario), scenario)
        self._number = {start: 0}
        self._states = [start]
        self._reached: list[tuple[int, str]] = [(0, "")]
        self._into: list[list[int]] = [[]]
        self._rests: list[int] = []
        self._steps = 0

    def run(self) -> Explored:
        """Visit all, until a rule is broken."""
        at = 0
        while at < len(self._states):
            violation = self._visit(at)
            if violation:
                return self._ended(violation, at)
            at += 1
        stuck = self._first_without_rest()
        return self._ended(None, 0) if stuck is None else self._ended("a clean rest cannot be reached", stuck)

    def _visit(self, at: int) -> str | None:
        state = self._states[at]
        violation = broken_rule(state, self._scenario)
        if violation:
            return violation
        is_at_rest = True
        for step in steps(state, self._scenario):
            self._steps += 1
            to = self._arrive(canonical(step.state, self._scenario), at, step)
            violation = violation or step.violation
            is_at_rest = is_at_rest and (to == at or not step.is_progress)
        if is_at_rest and not violation:
            self._rests.append(at)
            return left_over(state)
        return violation

    def _arrive(self, state: State, origin: int, step: Step) -> int:
        to = self._number.setdefault(state, len(self._states))
        if to == len(self._states):
            self._states.append(state)
            self._reached.append((origin, step.label))
            self._into.append([])
        self._into[to].append(origin)
        return to

    def _first_without_rest(self) -> int | None:
        """The first state from which no state of rest can be reached."""
        waiting, reaching = list(self._rests), set(self._rests)
        while waiting:
            new = set(self._into[waiting.pop()]) - reaching
            reaching |= new
            waiting += new
        return next((at for at in range(len(self._states)) if at not in reaching), None)

    def _ended(self, violation: str | None, at: int) -> Explored:
        trace: list[str] = []
        while violation and at:
            at, label = self._reached[at]
            trace.append(label)
        return Explored(len(self._states), self._steps, len(self._rests), violation, tuple(reversed(trace)))


def explore(scenario: Scenario) -> Explored:
    """Every order of the steps of `scenario`."""
    return Exploration(scenario).run()
