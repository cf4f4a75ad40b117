"""The hunt: state after state, until the budget is used up.

A state is a distinct (sequence of steps, operation of its disk, pattern of what survives the cut behind it). Each
sequence is lived through once; the images are built from the operations that its disk recorded. Only operations of its
last step are cut: those before belong to the sequences that it begins with, which come first.
"""

import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from shoal.base.errors import InvalidArgument, ShoalError
from shoal.testing.crash.audit import Audit
from shoal.testing.crash.choices import Pattern, left_by, remains
from shoal.testing.crash.life import Life
from shoal.testing.crash.machine import kill_process
from shoal.testing.crash.promises import PromiseBroken
from shoal.testing.crash.step import Sequence, parse_sequence, sequences, spell
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.platter import Platter

PATTERNS_MAX = 24
"""Of one operation. The store alone hardly ever has more; a write-ahead log with four torn frames has 256."""
_STORE, _BOTH = "store", "store-and-catalog"


@dataclass(frozen=True, slots=True)
class State:
    """What to do to see one state again: its text is what `parse_state` takes."""

    with_catalog: bool
    sequence: Sequence
    operation: int
    pattern: Pattern

    def __str__(self) -> str:
        choices = ".".join(map(str, self.pattern))
        return f"{_BOTH if self.with_catalog else _STORE}:{spell(self.sequence)}@{self.operation}:{choices}"


@dataclass(frozen=True, slots=True)
class Broken:
    """A state in which a promise is not kept, and which."""

    state: State
    why: str


@dataclass(slots=True)
class Tally:
    """What a hunt has seen. All of this is on the disks of one kind of machine."""

    states: int = 0
    sequences: int = 0
    operations: int = 0
    broken: list[Broken] = field(default_factory=list)


def parse_state(text: str) -> State:
    """Inverse of `str`. Raises: InvalidArgument."""
    try:
        kind, rest = text.split(":", 1)
        spelled, place = rest.rsplit("@", 1)
        operation, choices = place.split(":")
        pattern = tuple(int(choice) for choice in choices.split(".") if choice)
        is_known = kind in (_STORE, _BOTH)
        state = State(kind == _BOTH, parse_sequence(spelled), int(operation), pattern)
    except ValueError as exc:
        raise InvalidArgument(f"a state looks like {_STORE}:put+delete@31:0.1, not {text}") from exc
    if not is_known:
        raise InvalidArgument(f"a state begins with {_STORE} or {_BOTH}, not {kind}")
    return state


async def replay(state: State) -> None:
    """Live through one state again. Raises: PromiseBroken."""
    life = Life(state.with_catalog)
    await life.run(state.sequence)
    platter = Platter()
    for operation in life.journal[: state.operation]:
        platter.apply(operation)
    await _judge(life, state, left_by(platter, state.pattern))


async def hunt(
    tally: Tally,
    *,
    with_catalog: bool,
    states: int,
    whole_length: int,
    seed: int,
) -> AsyncIterator[None]:
    """See `states` states, counted in `tally`: of all sequences up to `whole_length` steps, and then of drawn ones.

    Takes a sequence a turn.
    """
    rng = random.Random(f"{seed}/{with_catalog}")
    for sequence in sequences(with_catalog=with_catalog, whole_length=whole_length, rng=rng):
        life = Life(with_catalog)
        tally.sequences += 1
        try:
            await life.run(sequence)
        except ShoalError as exc:
            whole = State(with_catalog, sequence, len(life.journal), ())
            tally.broken.append(Broken(whole, f"no cut, and yet {type(exc).__name__}: {exc}"))
            await kill_process(life.disk)
            yield
            continue
        for state, left in _states(life, sequence, rng):
            if tally.states >= states:
                return
            tally.states += 1
            try:
                await _judge(life, state, left)
            except PromiseBroken as exc:
                tally.broken.append(Broken(state, str(exc)))
        tally.operations += len(life.journal) - life.last_step_from
        yield


def _states(life: Life, sequence: Sequence, rng: random.Random) -> Iterator[tuple[State, Platter]]:
    platter = Platter()
    for operation in life.journal[: life.last_step_from]:
        platter.apply(operation)
    for number, operation in enumerate(life.journal[life.last_step_from :], life.last_step_from + 1):
        platter.apply(operation)
        for pattern, left in remains(platter, limit=PATTERNS_MAX, rng=rng):
            yield State(life.with_catalog, sequence, number, pattern), left


async def _judge(life: Life, state: State, left: Platter) -> None:
    disk = SimDisk(random.Random(0))
    disk.platter = left
    await Audit(life.promises, life.with_catalog).judge(disk, state.operation)
