"""The command: how many states, from which seed; a verdict in one line; exit code 1 if a promise was broken."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from shoal.base.errors import ShoalError
from shoal.base.units import SECOND
from shoal.testing.crash.hunt import Tally, hunt, parse_state, replay
from shoal.testing.crash.promises import PromiseBroken
from shoal.wiring.env.clock import RealClock

_STATES = 10_000
_WHOLE_LENGTH = 3
_SHOWN_MAX = 20
_PROGRESS_NS = 10 * SECOND
_END = object()


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 if every promise was kept, 1 if one was broken, 2 for a wrong argument."""
    options = _parser().parse_args(arguments)
    return asyncio.run(_replay(options.replay) if options.replay else _hunt(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m shoal.testing.crash",
        description="Cut the power of simulated disks at every operation, in every pattern of what survives, and let "
        "the chunk store and the catalog recover what is left. Half of the states have both on one disk.",
    )
    shown = "(default: %(default)s)"
    parser.add_argument(
        "--states", type=int, default=_STATES, metavar="N", help="how many states (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of the longer sequences (default: %(default)s)"
    )
    parser.add_argument(
        "--length",
        type=int,
        default=_WHOLE_LENGTH,
        metavar="L",
        help=f"try all sequences up to so many steps before drawing longer ones {shown}",
    )
    parser.add_argument("--replay", metavar="STATE", help="see one state again, as a broken promise names it")
    return parser


async def _replay(text: str) -> int:
    try:
        await replay(parse_state(text))
    except PromiseBroken as exc:
        _say(f"broken: {text}: {exc}")
        return 1
    except ShoalError as exc:
        _say(f"error: {exc}")
        return 2
    _say(f"kept: {text}")
    return 0


async def _hunt(options: argparse.Namespace) -> int:
    clock = RealClock()
    begun = shown = clock.now()
    tallies = Tally(), Tally()
    hunts = [
        hunt(tally, with_catalog=with_catalog, states=share, whole_length=options.length, seed=options.seed)
        for tally, with_catalog, share in zip(tallies, (False, True), _halves(options.states), strict=True)
    ]
    while hunts:  # a sequence of each in turn
        hunts = [each for each in hunts if await anext(each, _END) is not _END]
        if clock.now() - shown >= _PROGRESS_NS:
            shown = clock.now()
            sys.stderr.write(f"{_counts(tallies)}; {sum(len(tally.broken) for tally in tallies)} broken\n")
    broken = [each for tally in tallies for each in tally.broken]
    for each in broken[:_SHOWN_MAX]:
        _say(f"broken: {each.state}: {each.why}")
    seconds = (clock.now() - begun) / SECOND
    rate = sum(tally.states for tally in tallies) / seconds
    verdict = f"{len(broken)} broken" if broken else "every promise was kept"
    _say(f"{_counts(tallies)}; {seconds:.0f} s, {rate:.0f} states/s; seed {options.seed}: {verdict}")
    return 1 if broken else 0


def _halves(states: int) -> tuple[int, int]:
    return states - states // 2, states // 2


def _counts(tallies: tuple[Tally, Tally]) -> str:
    store, both = tallies
    states, lives = store.states + both.states, store.sequences + both.sequences
    again = store.cut_again + both.cut_again
    return f"{states} states of {lives} sequences ({both.states} with the catalog on the same disk, {again} cut again)"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
