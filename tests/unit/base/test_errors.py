"""Errors: who must act is the class, facts are fields, and `check` stays under -O."""

import subprocess
import sys

import pytest

from shoal.base import errors
from shoal.base.errors import InvariantBroken, NotFound, ShoalError, check

FAMILIES = (errors.CallerError, errors.TransientError, errors.CorruptionError, errors.LocalFault)
ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ShoalError)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_says_who_must_act(kind: type[ShoalError]) -> None:
    assert kind is ShoalError or sum(issubclass(kind, family) for family in FAMILIES) == 1
    assert kind.__doc__


def test_the_sentence_comes_with_its_facts() -> None:
    error = NotFound("there is no such object", bucket="b", key="k")
    assert str(error) == error.sentence == "there is no such object"
    assert error.facts == {"bucket": "b", "key": "k"}


@pytest.mark.parametrize("name", ["self", "sentence", "cond", "why"])
def test_a_fact_may_have_any_name(name: str) -> None:
    assert NotFound("no", **{name: 1}).facts == {name: 1}
    with pytest.raises(InvariantBroken) as caught:
        check(False, "no", **{name: 1})
    assert caught.value.facts == {name: 1}


def test_a_condition_that_holds_is_passed_by() -> None:
    check(True, "never told")
    check([0], "a list with something in it is true")


def test_check_is_not_optimised_away() -> None:
    code = "from shoal.base.errors import check\nassert False\ncheck(False, 'still here')"
    done = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=False)
    assert "InvariantBroken: still here" in done.stderr
