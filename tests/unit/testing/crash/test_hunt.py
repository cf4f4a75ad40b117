"""States: counted once, named so that they can be seen again."""

import pytest

from shoal.base.errors import InvalidArgument, InvariantBroken
from shoal.testing.crash.hunt import Cut, State, Tally, hunt, parse_state, replay
from shoal.testing.crash.promises import PromiseBroken
from shoal.testing.crash.step import Step
from shoal.testing.sim.file import SimFile


@pytest.mark.parametrize(
    "state",
    [
        State(False, (), Cut(3, ())),
        State(True, (Step.PUT, Step.KILL), Cut(41, (0, 2, 1))),
        State(False, (Step.PUT,), Cut(1, (5,)), Cut(7, (1, 0))),
    ],
)
def test_a_state_can_be_read_back(state: State) -> None:
    assert parse_state(str(state)) == state


@pytest.mark.parametrize(
    "text", ["", "store", "store:put", "store:put@x:0", "disk:put@3:0", "store:jump@3:0", "store:@1:0/2:0/3:0"]
)
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_state(text)


async def test_a_hunt_ends_with_its_budget() -> None:
    tally = Tally()
    async for _ in hunt(tally, with_catalog=False, states=60, whole_length=1, seed=0):
        pass
    assert (tally.states, tally.broken) == (60, [])


async def unsynced(_file: SimFile) -> None:
    """A sync that does nothing."""


async def test_a_broken_promise_is_seen_again_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally()
    with monkeypatch.context() as planted:
        planted.setattr(SimFile, "fdatasync", unsynced)
        async for _ in hunt(tally, with_catalog=False, states=400, whole_length=1, seed=0):
            pass
        state = parse_state(str(tally.broken[0].state))
        with pytest.raises(PromiseBroken, match=tally.broken[0].why.split(":")[0]):
            await replay(state)
    assert tally.broken


async def test_some_recoveries_are_cut_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal.testing.crash.hunt.CUT_AGAIN_EVERY", 5)
    tally = Tally()
    async for _ in hunt(tally, with_catalog=True, states=300, whole_length=1, seed=0):
        pass
    assert not tally.broken
    assert 50 < tally.cut_again < 300


async def test_a_cut_during_recovery_can_be_seen_again() -> None:
    await replay(parse_state("store-and-catalog:put@70:/5:"))
    with pytest.raises(InvariantBroken, match="of another state"):
        await replay(parse_state("store-and-catalog:put@70:/5:9.9"))
