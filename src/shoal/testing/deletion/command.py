"""The command: a line for each scenario; exit code 1 if the protocol broke a rule, or a mutant broke none."""

import argparse
import sys
from collections.abc import Sequence

from shoal.base.units import SECOND
from shoal.testing.deletion.explore import Explored, explore
from shoal.testing.deletion.scenario import Scenario
from shoal.testing.deletion.scenarios import DESIGN, MUTANTS
from shoal.wiring.env.clock import RealClock


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m shoal.testing.deletion",
        description="Explore every order of the steps of the deletion protocol in small clusters; then mutants of it.",
    )
    parser.add_argument("name", nargs="?", default="", help="only scenarios with this in their names")
    parser.add_argument("--trace", action="store_true", help="show the shortest way to each broken rule")
    options = parser.parse_args(arguments)
    chosen = [scenario for scenario in (*DESIGN, *MUTANTS) if options.name in scenario.name]
    wrong = sum(not _try(scenario, shows_trace=options.trace) for scenario in chosen)
    _say(f"{len(chosen)} scenarios, {wrong} not as expected")
    return 1 if wrong or not chosen else 0


def _try(scenario: Scenario, *, shows_trace: bool) -> bool:
    clock = RealClock()
    begun = clock.now()
    found = explore(scenario)
    seconds = (clock.now() - begun) / SECOND
    is_expected = scenario.is_design == (found.violation is None)
    _say(_line(scenario, found, seconds) + ("" if is_expected else "  <- NOT AS EXPECTED"))
    if shows_trace or not is_expected:
        for number, label in enumerate(found.trace, 1):
            _say(f"    {number:2} {label}")
    return is_expected


def _line(scenario: Scenario, found: Explored, seconds: float) -> str:
    kind = "mutant" if scenario.mutation else "design"
    verdict = found.violation or "holds"
    return f"{kind}  {scenario.name}: {found.states} states, {found.steps} steps, {seconds:.1f} s: {verdict}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
