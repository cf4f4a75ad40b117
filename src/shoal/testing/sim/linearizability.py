"""Is there an order of the operations on one key in which each takes effect at one instant between call and return?

The search of Wing & Gong ("Testing and Verifying Concurrent Objects", 1993) with the memory of Lowe ("Testing for
Linearizability", 2017): a set of operations done and the value they leave is visited once. Cost: exponential in how
many operations overlap, linear in their number. An operation whose outcome is unknown may take effect at any time
after its call, or never.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from shoal.testing.sim.failure import SimulationFailed

Value = Hashable | None
"""What the key holds; None: nothing."""


class NotLinearizable(SimulationFailed):
    """No order explains what was observed."""


@dataclass(frozen=True, slots=True)
class Read:
    """Found `value`."""

    value: Value

    def apply(self, held: Value) -> Iterator[Value]:
        """What the key may hold after it; nothing if it cannot have happened now."""
        if held == self.value:
            yield held


@dataclass(frozen=True, slots=True)
class Write:
    """Left `value`; None is a delete."""

    value: Value

    def apply(self, held: Value) -> Iterator[Value]:
        """See `Read.apply`."""
        yield self.value


@dataclass(frozen=True, slots=True)
class CompareAndSet:
    """Replaced `expected` by `value`, if `was_swapped`; None: nobody knows."""

    expected: Value
    value: Value
    was_swapped: bool | None

    def apply(self, held: Value) -> Iterator[Value]:
        """See `Read.apply`."""
        swaps = held == self.expected
        if self.was_swapped is None or self.was_swapped == swaps:
            yield self.value if swaps else held


Action = Read | Write | CompareAndSet


@dataclass(frozen=True, slots=True)
class Operation:
    """An action, and when it was called and had returned, on one clock; `returned` is None if nobody knows its
    outcome. A read without an outcome says nothing: leave it out."""

    action: Action
    called: int
    returned: int | None


def check_linearizable(key: str, operations: Sequence[Operation], *, initial: Value = None) -> None:
    """Raises: NotLinearizable if the operations on one key cannot be put into an order."""
    if not is_linearizable(operations, initial=initial):
        shown = "; ".join(map(str, sorted(operations, key=lambda operation: operation.called)))
        raise NotLinearizable(f"the operations on {key!r} have no order: {shown}")


def is_linearizable(operations: Sequence[Operation], *, initial: Value = None) -> bool:
    """Whether there is such an order for the operations on one key that held `initial`."""
    history = sorted(operations, key=lambda operation: operation.called)
    wanted = sum(1 << number for number, operation in enumerate(history) if operation.returned is not None)
    seen: set[tuple[int, Value]] = set()
    states: list[tuple[int, Value]] = [(0, initial)]
    while states:
        state = states.pop()
        done, held = state
        if done & wanted == wanted:
            return True
        if state in seen:
            continue
        seen.add(state)
        # Reversed, so that the earliest call is tried first: most histories need little else.
        for number in reversed(_candidates(history, done)):
            states += [(done | 1 << number, after) for after in history[number].action.apply(held)]
    return False


def _candidates(history: Sequence[Operation], done: int) -> list[int]:
    """What may take effect next: all that was called before the first return among what is left."""
    first_return: int | None = None
    candidates = []
    for number in range((~done & (done + 1)).bit_length() - 1, len(history)):
        operation = history[number]
        if first_return is not None and operation.called > first_return:
            break
        if done >> number & 1:
            continue
        candidates.append(number)
        if operation.returned is not None and (first_return is None or operation.returned < first_return):
            first_return = operation.returned
    return [number for number in candidates if first_return is None or history[number].called <= first_return]
