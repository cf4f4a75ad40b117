"""Every combination of what a power cut may leave, change by change.

A cut leaves each un-synced write whole, not at all, or one side of a sector boundary in its middle; of the changes to
one directory it leaves a prefix. The choices made are a list of numbers, which is all that it takes to make them again.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from shoal.base.errors import check
from shoal.testing.sim.platter import Platter
from shoal.testing.sim.survival import SECTOR_BYTES, FileChange, WriteChange

Pattern = tuple[int, ...]
_DRAWS_PER_PATTERN = 4


class ChosenSurvivors:
    """I answer by a pattern, and with the first choice, or by `draw`, where it ends; I remember what could be chosen.

    The first choice is always that nothing survives, the last one that everything does.
    """

    def __init__(self, pattern: Pattern, *, draw: Callable[[int], int] = lambda _options: 0) -> None:
        """`draw` chooses among so many options."""
        self._given = pattern
        self._draw = draw
        self.chosen: list[int] = []
        self.options: list[int] = []

    def of_file(self, changes: Sequence[FileChange]) -> Iterator[FileChange]:
        """See `Survivors.of_file`."""
        for change in changes:
            fates = [None, *_torn(change), change]
            fate = fates[self._choose(len(fates))]
            if fate is not None:
                yield fate

    def of_names(self, count: int) -> int:
        """See `Survivors.of_names`."""
        return self._choose(count + 1)

    def _choose(self, options: int) -> int:
        place = len(self.chosen)
        choice = self._given[place] if place < len(self._given) else self._draw(options)
        check(choice < options, "the pattern is of another state", place=place, choice=choice, options=options)
        self.chosen.append(choice)
        self.options.append(options)
        return choice

    def following(self) -> Pattern | None:
        """The next pattern of a depth-first walk; None behind the last one."""
        for place in reversed(range(len(self.chosen))):
            if self.chosen[place] + 1 < self.options[place]:
                return (*self.chosen[:place], self.chosen[place] + 1)
        return None


def _torn(change: FileChange) -> list[FileChange]:
    """Both sides of the middle sector boundary inside a write; a write within one sector is atomic."""
    if not isinstance(change, WriteChange):
        return []
    first = change.offset // SECTOR_BYTES + 1
    last = (change.offset + len(change.data) - 1) // SECTOR_BYTES
    if last < first:
        return []
    cut = (first + last) // 2 * SECTOR_BYTES - change.offset
    return [
        replace(change, data=change.data[:cut]),
        replace(change, offset=change.offset + cut, data=change.data[cut:]),
    ]


def left_by(platter: Platter, pattern: Pattern) -> Platter:
    """The disk after a power cut that left what `pattern` says."""
    return platter.left_to(ChosenSurvivors(pattern))


def remains(platter: Platter, *, limit: int, rng: random.Random) -> Iterator[tuple[Pattern, Platter]]:
    """All that a power cut now could leave, each with its pattern, none twice.

    At most `limit`: if there is more, it is nothing, everything, and what is drawn between them.
    """
    pattern: Pattern | None = ()
    walked: list[tuple[Pattern, Platter]] = []
    while pattern is not None and len(walked) < limit:
        survivors = ChosenSurvivors(pattern)
        left = platter.left_to(survivors)
        walked.append((tuple(survivors.chosen), left))
        pattern = survivors.following()
    yield from walked if pattern is None else _drawn(platter, limit, rng)


def _drawn(platter: Platter, limit: int, rng: random.Random) -> Iterator[tuple[Pattern, Platter]]:
    seen: set[Pattern] = set()
    extremes: list[Callable[[int], int]] = [lambda _options: 0, lambda options: options - 1]
    for draw in (*extremes, *[rng.randrange] * (limit * _DRAWS_PER_PATTERN)):
        survivors = ChosenSurvivors((), draw=draw)
        left = platter.left_to(survivors)
        pattern = tuple(survivors.chosen)
        if pattern not in seen:
            seen.add(pattern)
            yield pattern, left
        if len(seen) == limit:
            return
