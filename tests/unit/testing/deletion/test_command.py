"""The command says which way each scenario went."""

import pytest

from shoal.testing.deletion.command import main


def test_a_design_that_holds_is_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["late session"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 scenarios, 0 not as expected"


def test_a_mutant_that_breaks_is_as_expected_and_shows_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["highest that the row names", "--trace"]) == 0
    out = capsys.readouterr().out
    assert "a placement number is drawn twice" in out
    assert "a mover intends 0.3 on node 1" in out


def test_an_unknown_name_is_exit_code_1() -> None:
    assert main(["no such scenario"]) == 1
