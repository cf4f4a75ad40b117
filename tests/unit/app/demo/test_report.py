"""What the demo tells of its steps."""

import pytest

from shoal.app.demo.report import DemoFailed, Report, Step
from shoal.base.units import MIB


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (Step("put", 2.0, 64 * MIB), "32.0 MiB/s"),
        (Step("kill", 2.0, 0), ""),
        (Step("at once", 0.0, 64 * MIB), ""),
    ],
)
def test_a_rate_is_told_where_bytes_moved(step: Step, rate: str) -> None:
    assert step.rate == rate


def test_steps_are_told_as_they_come_true_and_again_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.begin()
    report.passed("stored", moved_bytes=MIB)
    report.passed("read")
    assert capsys.readouterr().out == "  ok  stored\n  ok  read\n"
    report.table()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["stored", "read"]
    assert "2 of 2 checks passed" in lines[-1]


def test_what_is_not_as_it_must_be_ends_the_demo() -> None:
    report = Report()
    report.require(True, "never told")
    with pytest.raises(DemoFailed, match="demo failed: it lost a byte"):
        report.require(False, "it lost a byte")
