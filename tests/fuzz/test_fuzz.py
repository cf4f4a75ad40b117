"""Damaged bytes, a thousand for each that reads bytes: refused with a declared error, and at once."""

import pytest

from fuzz.hunt import input_of, outcome, run
from fuzz.targets import TARGETS, Target

EXECUTIONS = 1_000


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_input_meets_an_undeclared_error(target: Target) -> None:
    tally = run(target, executions=EXECUTIONS, seed=0)
    assert [str(finding) for finding in tally.findings] == []


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_target_accepts_or_refuses_its_samples_knowingly(target: Target) -> None:
    assert {outcome(target, sample) for sample in target.samples} <= {"accepted", "refused"}


def test_inputs_come_from_the_seed() -> None:
    target = TARGETS[0]
    assert input_of(target, 1, 5) == input_of(target, 1, 5)
    assert len({input_of(target, seed, number) for seed in range(3) for number in range(20)}) > 50


def test_an_undeclared_error_is_found() -> None:
    def broken(data: bytes) -> object:
        return data.decode()

    tally = run(Target("broken", (b"\xc3\xbc" * 20,), broken, (ValueError,)), executions=50, seed=0)
    assert not tally.findings
    tally = run(Target("broken", (b"\xc3\xbc" * 20,), broken, ()), executions=50, seed=0)
    assert "UnicodeDecodeError" in str(tally.findings[0])
