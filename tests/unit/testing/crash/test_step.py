"""Which lives are tried, and in what order."""

import random
from itertools import islice

import pytest

from shoal.base.errors import InvalidArgument
from shoal.testing.crash.step import Step, alphabet, parse_sequence, sequences, spell


def some(count: int, *, seed: int = 0) -> list[tuple[Step, ...]]:
    return list(islice(sequences(with_catalog=True, whole_length=2, rng=random.Random(seed)), count))


def test_all_short_sequences_come_first() -> None:
    letters = len(alphabet(with_catalog=True))
    whole = 1 + letters + letters**2
    found = some(whole + 50)
    assert {len(sequence) for sequence in found[:whole]} == {0, 1, 2}
    assert min(len(sequence) for sequence in found[whole:]) == 3


def test_no_sequence_comes_twice_and_none_before_its_beginning() -> None:
    found = some(600)
    assert len(set(found)) == len(found)
    place = {sequence: at for at, sequence in enumerate(found)}
    assert all(place[sequence[:-1]] < at for at, sequence in enumerate(found) if sequence)


def test_the_longer_ones_come_from_the_seed() -> None:
    assert some(300) == some(300) != some(300, seed=1)


def test_a_store_alone_has_nothing_to_check_point() -> None:
    assert Step.CHECKPOINT not in alphabet(with_catalog=False)


@pytest.mark.parametrize("sequence", [(), (Step.PUT,), tuple(Step)])
def test_what_is_spelled_can_be_parsed(sequence: tuple[Step, ...]) -> None:
    assert parse_sequence(spell(sequence)) == sequence


def test_an_unknown_step_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgument, match="not jump"):
        parse_sequence("put+jump")
