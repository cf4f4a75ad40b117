"""`python tests/fuzz --executions 1000000`: a line for each target and a verdict; exit code 1 if there are findings."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fuzz.hunt import Finding, input_of, outcome, run_all
from fuzz.targets import TARGETS

SHOWN_MAX = 20


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="python tests/fuzz", description="Feed damaged bytes to all that reads bytes."
    )
    parser.add_argument("--executions", type=int, default=100_000, metavar="N", help="in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--target", default="", metavar="NAME", help="only targets with this in their names")
    parser.add_argument("--replay", metavar="TARGET:SEED:NUMBER", help="show one input, and what it does")
    options = parser.parse_args(arguments)
    return replay(options.replay) if options.replay else hunt(options.executions, options.seed, options.target)


def hunt(executions: int, seed: int, only: str) -> int:
    """Run all, and say what was found."""
    findings: list[Finding] = []
    total, slowest_ns = 0, 0
    for tally in run_all(executions=executions, seed=seed, only=only):
        total += tally.executions
        slowest_ns = max(slowest_ns, tally.slowest_ns)
        findings += tally.findings
        share = tally.accepted / tally.executions
        say(f"{tally.target:<18}{tally.executions:>9} {share:6.1%} accepted, slowest {tally.slowest_ns / 1e6:.2f} ms")
    for finding in findings[:SHOWN_MAX]:
        say(f"found {finding}")
    say(f"{total} executions, slowest {slowest_ns / 1e6:.2f} ms, {len(findings)} findings; seed {seed}")
    return 1 if findings or not total else 0


def replay(text: str) -> int:
    """See one input again."""
    name, seed, number = text.split(":")
    target = next(target for target in TARGETS if target.name == name)
    data = input_of(target, int(seed), int(number))
    what = outcome(target, data)
    say(f"{data!r}\n{what}")
    return 0 if what in ("accepted", "refused") else 1


def say(line: str) -> None:
    """A line for whoever waits."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
