"""Simulated processes."""

from contextvars import ContextVar, copy_context

import pytest

from shoal.testing.sim.process import Process, ProcessState, context_of, owner_of


def test_what_starts_in_a_context_belongs_to_its_process() -> None:
    process = Process("node-1")
    inside = context_of(process).run(copy_context)
    assert owner_of(inside) is process


def test_the_world_owns_what_nobody_does() -> None:
    assert owner_of(copy_context()) is None
    assert owner_of(context_of(None)) is None


def test_a_process_inherits_no_variable_of_its_starter() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    variable.set("of the starter")
    assert context_of(Process("node-1")).run(variable.get) == "unset"


@pytest.mark.parametrize("state", ProcessState)
def test_a_crash_is_told_from_a_pause(state: ProcessState) -> None:
    process = Process("node-1")
    process.state = state
    assert process.is_crashed == (state is ProcessState.CRASHED)
    assert repr(process) == f"Process(node-1, {state.value})"
