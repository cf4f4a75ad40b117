"""Is there an order of the operations on one key in which each takes effect at one instant between call and return?

The search of Wing & Gong ("Testing and Verifying Concurrent Objects", 1993) with the memory of Lowe ("Testing for
Linearizability", 2017): a set of operations done and the value they leave is visited once. Cost: exponential in how
many operations overlap, linear in their number.

An operation whose outcome is unknown may take effect at any time after its call, or never, so it overlaps all that
follow; after a crash there are many of them. Three things keep them from doubling the search each: one is tried only
if the next operation could not happen without it (otherwise it may as well come later, or never); of several that
would do the same only the oldest is tried; and values that nobody ever saw or asked for are all the same.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

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
    history = sorted(_blurred(operations, initial), key=lambda operation: operation.called)
    wanted = sum(1 << number for number, operation in enumerate(history) if operation.returned is not None)
    seen: set[_State] = set()
    states = [_State(0, initial, None)]
    while states:
        state = states.pop()
        if state.done & wanted == wanted:
            return True
        if state in seen:
            continue
        seen.add(state)
        # Reversed, so that the earliest call is tried first: most histories need little else.
        candidates = _candidates(history, state.done)
        states += [
            after
            for number in reversed(candidates)
            if history[number].returned is None
            for after in _guess(history, state, number=number, candidates=candidates)
        ]
        states += [
            after
            for number in reversed(candidates)
            if history[number].returned is not None
            for after in _step(history, state, number)
        ]
    return False


class _State(NamedTuple):
    """Which operations are done, and the value that they leave. If the last one is a guess, that an open operation
    took effect: the value `before` it, in a tuple."""

    done: int
    held: Value
    before: tuple[Value] | None


class _Unseen(Enum):
    """In the place of every value that nobody saw or asked for."""

    VALUE = "unseen"


def _blurred(operations: Sequence[Operation], initial: Value) -> Iterator[Operation]:
    """The operations with all values that only open ones mention made the same."""
    known: set[Value] = {initial, None}
    for operation in operations:
        match operation.action:
            case CompareAndSet(expected, value):
                known |= {expected} if operation.returned is None else {expected, value}
            case Read(value) | Write(value) if operation.returned is not None:
                known.add(value)
            case _:
                pass
    for operation in operations:
        is_unseen = operation.returned is None and operation.action.value not in known
        action = replace(operation.action, value=_Unseen.VALUE) if is_unseen else operation.action
        yield replace(operation, action=action)


def _step(history: Sequence[Operation], state: _State, number: int) -> Iterator[_State]:
    """An operation whose outcome is known takes effect."""
    action = history[number].action
    if state.before is not None and not _needs_guess(action, state.before[0]):
        return
    for after in action.apply(state.held):
        yield _State(state.done | 1 << number, after, None)


def _needs_guess(action: Action, before: Value) -> bool:
    """Whether `action` could not as well come before the guess, or make it void."""
    if isinstance(action, Write):
        return False
    if isinstance(action, CompareAndSet) and action.was_swapped is None:
        return True
    return not any(True for _ in action.apply(before))


def _guess(history: Sequence[Operation], state: _State, *, number: int, candidates: Sequence[int]) -> Iterator[_State]:
    """An open operation takes effect, if it has any and no older one would have the same."""
    action = history[number].action
    if any(
        history[older].returned is None and history[older].action == action for older in candidates if older < number
    ):
        return
    if state.before is not None and _changes(action, state.before[0]):
        return
    for after in action.apply(state.held):
        if after != state.held:
            yield _State(state.done | 1 << number, after, (state.held,))


def _changes(action: Action, held: Value) -> bool:
    return any(after != held for after in action.apply(held))


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
