"""The linearizability checker."""

from random import Random

import pytest

from shoal.testing.sim.linearizability import (
    Action,
    CompareAndSet,
    NotLinearizable,
    Operation,
    Read,
    Value,
    Write,
    check_linearizable,
    is_linearizable,
)


def op(action: Action, called: int, returned: int | None) -> Operation:
    return Operation(action, called, returned)


def test_a_read_after_a_write_finds_it() -> None:
    assert is_linearizable([op(Write(1), 0, 1), op(Read(1), 2, 3)])
    assert not is_linearizable([op(Write(1), 0, 1), op(Read(None), 2, 3)])


def test_a_read_beside_a_write_finds_either() -> None:
    for found in (None, 1):
        assert is_linearizable([op(Write(1), 0, 10), op(Read(found), 2, 3)])


def test_what_one_read_found_the_next_does_not_lose() -> None:
    assert not is_linearizable([op(Write(1), 0, 10), op(Read(1), 2, 3), op(Read(None), 4, 5)])


def test_an_unknown_write_takes_effect_late_or_never() -> None:
    unknown = op(Write(1), 0, None)
    assert is_linearizable([unknown, op(Read(None), 5, 6), op(Read(1), 7, 8)])
    assert is_linearizable([unknown, op(Read(None), 5, 6)])
    assert not is_linearizable([unknown, op(Read(1), 5, 6), op(Read(None), 7, 8)])


def test_a_write_does_not_take_effect_before_its_call() -> None:
    assert not is_linearizable([op(Read(1), 0, 1), op(Write(1), 2, None)])


def test_of_two_swaps_from_the_same_value_one_fails() -> None:
    swaps = [op(CompareAndSet(None, 1, True), 0, 10), op(CompareAndSet(None, 2, True), 0, 10)]
    assert not is_linearizable(swaps)
    assert is_linearizable([swaps[0], op(CompareAndSet(None, 2, False), 0, 10)])


def test_an_unknown_swap_may_have_failed() -> None:
    unknown = op(CompareAndSet(None, 1, None), 0, None)
    for found in (None, 1):
        assert is_linearizable([unknown, op(Read(found), 5, 6)])


def test_a_delete_is_a_write_of_nothing() -> None:
    history = [op(Write(1), 0, 1), op(Write(None), 2, 3)]
    assert is_linearizable([*history, op(Read(None), 4, 5)])
    assert not is_linearizable([*history, op(Read(1), 4, 5)])


def test_a_key_may_begin_with_a_value() -> None:
    assert is_linearizable([op(Read(7), 0, 1)], initial=7)


def test_the_failure_names_the_key_and_the_history() -> None:
    with pytest.raises(NotLinearizable, match=r"'k' have no order: .*Write\(value=1\)"):
        check_linearizable("k", [op(Write(1), 0, 1), op(Read(None), 2, 3)])
    check_linearizable("k", [op(Write(1), 0, 1)])


def history(rng: Random, *, operations: int, clients: int) -> list[Operation]:
    """What a correct register would let `clients` observe: each operation takes effect at a drawn moment."""
    free, calls = [0] * clients, []
    for _ in range(operations):
        client = free.index(min(free))
        called = free[client] + rng.randrange(1, 50)
        returned = called + rng.randrange(1, 1000)
        calls.append((rng.randrange(called, returned), called, returned))
        free[client] = returned
    held: int | None = None
    observed = []
    for number, (_, called, returned) in enumerate(sorted(calls)):
        kind, is_unknown = rng.random(), rng.random() < 0.05
        end = None if is_unknown else returned
        if kind < 0.5:
            observed.append(op(Read(held), called, returned))
        elif kind < 0.8:
            held = None if kind < 0.55 else number
            observed.append(op(Write(held), called, end))
        else:
            expected = held if rng.random() < 0.5 else -1
            observed.append(op(CompareAndSet(expected, number, None if is_unknown else expected == held), called, end))
            held = number if expected == held else held
    return observed


def test_histories_of_a_correct_register_pass() -> None:
    assert all(is_linearizable(history(Random(seed), operations=60, clients=4)) for seed in range(40))


def test_seeded_stale_reads_are_caught() -> None:
    caught = 0
    for seed in range(40):
        observed = history(Random(seed), operations=60, clients=4)
        latest = max(operation.called for operation in observed)
        stale = next(operation.action.value for operation in observed if isinstance(operation.action, Write))
        after = [op(Write("newest"), latest + 2000, latest + 2001), op(Read(stale), latest + 2002, latest + 2003)]
        caught += not is_linearizable([o for o in observed if o.returned is not None] + after)
    assert caught == 40


def has_order(left: list[Operation], held: Value = None) -> bool:
    """The definition: whichever may come first is tried."""
    if all(operation.returned is None for operation in left):
        return True
    first_return = min(operation.returned for operation in left if operation.returned is not None)
    return any(
        has_order([other for other in left if other is not operation], after)
        for operation in left
        if operation.called <= first_return
        for after in operation.action.apply(held)
    )


def small_history(rng: Random) -> list[Operation]:
    """A few operations with drawn outcomes: most of them have no order."""
    found = []
    for number in range(rng.randint(1, 6)):
        called, is_open = rng.randrange(12), rng.random() < 0.4
        expected, value = rng.choice((None, 1, 2)), rng.choice((None, 1, 2, 10 + number))
        swap = CompareAndSet(expected, value, None if is_open else rng.random() < 0.5)
        action = rng.choice((Write(value), swap, swap if is_open else Read(expected)))
        found.append(op(action, called, None if is_open else called + rng.randrange(6)))
    return found


def test_the_search_leaves_out_nothing_that_matters() -> None:
    rng = Random(1)
    histories = [small_history(rng) for _ in range(300)]
    found = [is_linearizable(each) for each in histories]
    assert found == [has_order(each) for each in histories]
    assert 50 < sum(found) < 250


def test_many_unknown_writes_and_deletes_cost_little() -> None:
    unknown = [op(Write(number if number % 3 else None), number, None) for number in range(60)]
    known = [op(Write(100 + number), 10 * number, 10 * number + 9) for number in range(60)]
    refused = [op(CompareAndSet(100 + number, 0, False), 10 * number + 3, 10 * number + 12) for number in range(60)]
    lost = op(Read(-1), 10_000, 10_001)
    assert is_linearizable([*unknown, *known, *refused])
    assert not is_linearizable([*unknown, *known[:4], *refused[:4], lost])
