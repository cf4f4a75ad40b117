"""The hunt: state after state, until the budget is used up.

A state is a distinct (sequence of steps, operation of its disk, pattern of what survives the cut behind it). Each
sequence is lived through once; the images are built from the operations that its disk recorded. Only operations of its
last step are cut: those before belong to the sequences that it begins with, which come first. Of some states the
recovery is recorded too, and cut again at each of its operations: these are states of their own.
"""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from shoal.base.errors import InvalidArgument, ShoalError
from shoal.testing.crash.audit import Audit
from shoal.testing.crash.choices import Pattern, left_by, remains
from shoal.testing.crash.life import Life
from shoal.testing.crash.machine import RECOVERY_SEED, kill_process, start
from shoal.testing.crash.promises import PromiseBroken
from shoal.testing.crash.step import Sequence, parse_sequence, sequences, spell
from shoal.testing.sim.disk import DiskOperation, SimDisk, Survival
from shoal.testing.sim.platter import Platter

PATTERNS_MAX = 24
"""Of one operation. The store alone hardly ever has more; a write-ahead log with four torn frames has 256."""
CUT_AGAIN_EVERY = 97
"""Of so many states one has its recovery cut; prime, so that no step of the sequences is always passed over."""
SECOND_PATTERNS_MAX = 3
_STORE, _BOTH = "store", "store-and-catalog"


@dataclass(frozen=True, slots=True)
class Cut:
    """Behind an operation, and what survives it."""

    operation: int
    pattern: Pattern

    def __str__(self) -> str:
        return f"{self.operation}:{'.'.join(map(str, self.pattern))}"


@dataclass(frozen=True, slots=True)
class State:
    """What to do to see one state again: its text is what `parse_state` takes."""

    with_catalog: bool
    sequence: Sequence
    cut: Cut
    second: Cut | None = None
    """During the recovery from the first one, in operations of that."""

    def __str__(self) -> str:
        again = f"/{self.second}" if self.second else ""
        return f"{_BOTH if self.with_catalog else _STORE}:{spell(self.sequence)}@{self.cut}{again}"


@dataclass(frozen=True, slots=True)
class Broken:
    """A state in which a promise is not kept, and which."""

    state: State
    why: str


@dataclass(slots=True)
class Tally:
    """What a hunt has seen. All of this is on the disks of one kind of machine."""

    states: int = 0
    cut_again: int = 0
    """Those of them in which a recovery was cut."""
    sequences: int = 0
    operations: int = 0
    broken: list[Broken] = field(default_factory=list)


def parse_state(text: str) -> State:
    """Inverse of `str`. Raises: InvalidArgument."""
    try:
        kind, rest = text.split(":", 1)
        spelled, cuts = rest.rsplit("@", 1)
        first, *more = [_parse_cut(cut) for cut in cuts.split("/")]
    except ValueError as exc:
        raise InvalidArgument(f"a state looks like {_STORE}:put+delete@31:0.1, not {text}") from exc
    if kind not in (_STORE, _BOTH) or len(more) > 1:
        raise InvalidArgument(f"a state begins with {_STORE} or {_BOTH} and has one or two cuts, not {text}")
    return State(kind == _BOTH, parse_sequence(spelled), first, more[0] if more else None)


def _parse_cut(text: str) -> Cut:
    operation, choices = text.split(":")
    return Cut(int(operation), tuple(int(choice) for choice in choices.split(".") if choice))


async def replay(state: State) -> None:
    """Live through one state again. Raises: PromiseBroken."""
    life = Life(state.with_catalog)
    await life.run(state.sequence)
    platter = Platter()
    for operation in life.journal[: state.cut.operation]:
        platter.apply(operation)
    left = left_by(platter, state.cut.pattern)
    if state.second is not None:
        again, journal = await _recorded_recovery(life, left)
        for operation in journal[: state.second.operation]:
            again.apply(operation)
        left = left_by(again, state.second.pattern)
    await _judge(life, state, left)


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
            whole = State(with_catalog, sequence, Cut(len(life.journal), ()))
            tally.broken.append(Broken(whole, f"no cut, and yet {type(exc).__name__}: {exc}"))
            await kill_process(life.disk)
            yield
            continue
        async for state, left in _states(life, sequence, rng):
            if tally.states >= states:
                return
            tally.states += 1
            tally.cut_again += state.second is not None
            try:
                await _judge(life, state, left)
            except PromiseBroken as exc:
                tally.broken.append(Broken(state, str(exc)))
        tally.operations += len(life.journal) - life.last_step_from
        yield


async def _states(life: Life, sequence: Sequence, rng: random.Random) -> AsyncIterator[tuple[State, Platter]]:
    """What cuts during the last step of the life can leave, and cuts during the recovery from some of them."""
    platter = Platter()
    for operation in life.journal[: life.last_step_from]:
        platter.apply(operation)
    for number, operation in enumerate(life.journal[life.last_step_from :], life.last_step_from + 1):
        platter.apply(operation)
        for pattern, left in remains(platter, limit=PATTERNS_MAX, rng=rng):
            state = State(life.with_catalog, sequence, Cut(number, pattern))
            is_cut_again = not rng.randrange(CUT_AGAIN_EVERY)
            again = left.after_power_loss(Survival.ALL_KEPT, rng) if is_cut_again else None
            yield state, left
            if again is not None:
                async for each in _second_cuts(life, state, again, rng=rng):
                    yield each


async def _second_cuts(
    life: Life, state: State, left: Platter, *, rng: random.Random
) -> AsyncIterator[tuple[State, Platter]]:
    again, journal = await _recorded_recovery(life, left)
    for number, operation in enumerate(journal, 1):
        again.apply(operation)
        for pattern, second in remains(again, limit=SECOND_PATTERNS_MAX, rng=rng):
            yield replace(state, second=Cut(number, pattern)), second


async def _recorded_recovery(life: Life, left: Platter) -> tuple[Platter, list[DiskOperation]]:
    """`left` before its recovery, and all that the recovery asked of the disk, as far as it went."""
    disk = SimDisk(random.Random(0), record=True)
    before = left.after_power_loss(Survival.ALL_KEPT, random.Random(0))
    disk.platter = left
    try:
        machine = await start(disk, with_catalog=life.with_catalog, seed=RECOVERY_SEED)
    except ShoalError:  # the judge of the first cut says so
        await kill_process(disk)
    else:
        await machine.kill()
    return before, disk.journal


async def _judge(life: Life, state: State, left: Platter) -> None:
    disk = SimDisk(random.Random(0))
    disk.platter = left
    await Audit(life.promises, life.with_catalog).judge(disk, state.cut.operation)
