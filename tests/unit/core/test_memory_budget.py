"""Who is granted memory, in which order, and that no lane can lock another one out."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvariantBroken
from shoal.core.memory_budget import Lane, MemoryBudget

TOTAL = 800


def budget() -> MemoryBudget[str]:
    return MemoryBudget(TOTAL)


def test_what_fits_is_granted_at_once() -> None:
    assert budget().ask(Lane.LARGE, 300, "a")


def test_a_lane_is_granted_in_order_also_if_a_later_one_would_fit() -> None:
    memory = budget()
    assert memory.ask(Lane.LARGE, 250, "a")
    assert not memory.ask(Lane.LARGE, 100, "b")
    assert not memory.ask(Lane.LARGE, 10, "c")
    assert memory.give_back(Lane.LARGE, 250) == ["b", "c"]
    assert memory.used_bytes == 110


@pytest.mark.parametrize(
    ("lane", "ceiling"), [(Lane.LARGE, 300), (Lane.LARGE_FORWARD, 600), (Lane.SMALL, 700), (Lane.SMALL_FORWARD, 800)]
)
def test_each_lane_has_its_ceiling(lane: Lane, ceiling: int) -> None:
    memory = budget()
    granted = 0
    while memory.ask(lane, 50, "x"):
        granted += 50
    assert granted == ceiling


def test_each_lane_finds_memory_that_those_before_it_cannot_hold() -> None:
    memory = budget()
    for lane in Lane:
        assert memory.ask(lane, 50, lane.name)
        while memory.ask(lane, 50, lane.name):
            pass
    assert memory.used_bytes == TOTAL


def test_those_behind_are_not_held_up_by_those_before() -> None:
    memory = budget()
    while memory.ask(Lane.LARGE, 50, "large"):
        pass
    assert memory.ask(Lane.SMALL_FORWARD, 1, "small")
    assert not memory.ask(Lane.LARGE, 1, "large too")


def test_who_withdraws_lets_the_next_one_pass() -> None:
    memory = budget()
    memory.ask(Lane.LARGE, 200, "a")
    assert not memory.ask(Lane.LARGE, 300, "b")
    assert not memory.ask(Lane.LARGE, 100, "c")
    assert memory.withdraw(Lane.LARGE, "b") == ["c"]
    assert memory.give_back(Lane.LARGE, 300) == []
    assert memory.used_bytes == 0


def test_what_is_overdrawn_keeps_others_out_until_it_is_back() -> None:
    memory = budget()
    memory.overdraw(Lane.LARGE, 1000)
    assert not memory.ask(Lane.SMALL_FORWARD, 1, "a")
    assert memory.give_back(Lane.LARGE, 1000) == ["a"]


def test_a_share_that_can_never_be_granted_is_a_bug() -> None:
    with pytest.raises(InvariantBroken):
        budget().ask(Lane.SMALL, 301, "a")


def test_giving_back_more_than_was_granted_is_a_bug() -> None:
    with pytest.raises(InvariantBroken):
        budget().give_back(Lane.SMALL, 1)


@given(seed=st.integers(0, 1 << 32))
def test_whatever_is_asked_all_are_granted_in_the_end_and_never_too_much(seed: int) -> None:
    """Nodes that forward to each other: a PUT gives back only after its forwards at the other nodes have."""
    rng = Random(seed)
    nodes = [MemoryBudget[tuple[int, int, str]](TOTAL) for _ in range(3)]
    left = {put: {node for node in range(3) if node != put % 3} for put in range(60)}
    sizes = {put: rng.choice((1, 40, 100)) for put in left}
    ready: list[tuple[int, int, str]] = []

    def ask(put: int, node: int, role: str) -> None:
        large = sizes[put] > 1
        lane = {("put", True): Lane.LARGE, ("put", False): Lane.SMALL,
                ("forward", True): Lane.LARGE_FORWARD, ("forward", False): Lane.SMALL_FORWARD}[role, large]  # fmt: skip
        if nodes[node].ask(lane, sizes[put], (put, node, role)):
            ready.append((put, node, role))

    def end(put: int, node: int, role: str) -> None:
        lane = (Lane.LARGE if sizes[put] > 1 else Lane.SMALL) + (role == "forward")
        ready.extend(nodes[node].give_back(Lane(lane), sizes[put]))

    for put in left:
        ask(put, put % 3, "put")
    while ready:
        put, node, role = ready.pop(rng.randrange(len(ready)))
        if role == "put":
            for other in sorted(left[put]):
                ask(put, other, "forward")
        else:
            end(put, node, role)
            left[put].discard(node)
            if not left[put]:
                end(put, put % 3, "put")
        assert all(each.used_bytes <= TOTAL for each in nodes)
    assert not any(left.values()), "two nodes wait for each other"
    assert [each.used_bytes for each in nodes] == [0, 0, 0]
