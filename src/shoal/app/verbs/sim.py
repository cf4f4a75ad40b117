"""`shoal sim`: whole clusters in one process, from seeds, under faults."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from shoal.testing.sim.campaign import Tally
    from shoal.testing.sim.play import Played
    from shoal.testing.sim.reduction import Reduction
    from shoal.testing.sim.seed_run import SeedReport
    from shoal.testing.sim.swarm import Profile

_SEEDS = 40
_SHRINK_RUNS_MAX = 200


@click.command(epilog="Examples: shoal sim · shoal sim --seeds 1000 --profile disks · shoal sim --seed 4711 --shrink")
@click.option("--seeds", type=click.IntRange(1), metavar="N", help=f"How many. [default: {_SEEDS}, or 1 with --seed]")
@click.option("--seed", type=click.IntRange(0), metavar="S", help="The first. [default: 0]")
@click.option(
    "--profile",
    "profile_name",
    default="swarm",
    show_default=True,
    metavar="P",
    help="What goes wrong: swarm, disks, medium, network, long.",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="How many at a time. [default: one a processor]")
@click.option("--without", multiple=True, metavar="NAME", help="Leave out a kind of fault or of operation.")
@click.option("--operations", type=click.IntRange(1), metavar="N", help="Do so many operations. [default: drawn]")
@click.option("--shrink", "shrinks", is_flag=True, help="Make the first seed that fails as small as it can be.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the result there.")
@click.option("--ledger", type=click.Path(path_type=Path), metavar="FILE", help="Append the result to this ledger.")
@click.option("--commit", default="", metavar="ID", help="Which code this is, for result and ledger.")
@click.option("-q", "--quiet", "is_quiet", is_flag=True, help="Tell failures and the verdict only.")
def command(
    *,
    seeds: int | None,
    seed: int | None,
    profile_name: str,
    jobs: int | None,
    without: tuple[str, ...],
    operations: int | None,
    shrinks: bool,
    json_file: Path | None,
    ledger: Path | None,
    commit: str,
    is_quiet: bool,
) -> None:
    """Run simulated clusters of the real coordinator, nodes and clients, each from a seed, while everything fails.

    Disks, network, clocks and time are simulated; a seed is the same run on every machine with the same code and the
    same minor version of Python. Every seed ends with an audit: nothing acknowledged is lost, no byte is wrong, each
    name has an order of its operations, and all work comes to an end. From 200 seeds on every kind of fault must have
    fired. Exit status 1 if a seed failed. Ctrl-C ends the run after telling of the seeds that are over.
    """
    import json
    import os
    import platform

    from shoal import __version__
    from shoal.app.output import print_line
    from shoal.base.errors import InvalidArgument
    from shoal.testing.sim.reduction import Reduction, check_names
    from shoal.testing.sim.reliability_ledger import entry_of, with_entry
    from shoal.testing.sim.swarm import PROFILES

    if profile_name not in PROFILES:
        raise InvalidArgument(f"there is no profile {profile_name!r}; there are {', '.join(PROFILES)}")
    first = seed or 0
    count = seeds or (_SEEDS if seed is None else 1)
    reduction = Reduction(check_names(without), operations)
    campaign = _Campaign(PROFILES[profile_name], profile_name, reduction, shrinks=shrinks, is_quiet=is_quiet)
    tally = campaign.run(range(first, first + count), jobs=jobs or os.cpu_count() or 1)
    facts = {
        "version": __version__,
        "commit": commit,
        "python": platform.python_version(),
        "profile": profile_name,
        "reduction": reduction.words(),
        "first_seed": first,
    }
    entry = entry_of(tally, facts=facts)
    if json_file is not None:
        json_file.write_text(json.dumps(entry, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if ledger is not None:
        former = ledger.read_text(encoding="utf-8") if ledger.exists() else ""
        ledger.write_text(with_entry(former, entry), encoding="utf-8")
    print_line(tally.verdict())
    if campaign.is_interrupted:
        raise KeyboardInterrupt
    if not tally.is_well:
        raise click.exceptions.Exit(1)


class _Campaign:
    """I run seeds, tell of them, and make the first that fails small."""

    def __init__(self, profile: "Profile", name: str, reduction: "Reduction", *, shrinks: bool, is_quiet: bool) -> None:
        self._profile = profile
        self._name = name
        self._reduction = reduction
        self._shrinks = shrinks
        self._is_quiet = is_quiet
        self.is_interrupted = False
        """Whether somebody had enough before the end."""

    def run(self, seeds: range, *, jobs: int) -> "Tally":
        """All of them, so many at a time, or until the first that fails if that one is to be made small."""
        from contextlib import closing

        from shoal.app.seed_processes import play_seeds
        from shoal.testing.sim.campaign import Tally

        tally = Tally(self._profile)
        try:
            with closing(play_seeds(seeds, self._profile, self._reduction, jobs=jobs)) as all_played:
                for played in all_played:
                    tally.add(played.report)
                    self._tell(played)
                    if played.report.failure is not None and self._shrinks:
                        break
            if self._shrinks and played.report.failure is not None:
                self._shrink(played.report)
        except KeyboardInterrupt:
            self.is_interrupted = True
        return tally

    def _tell(self, played: "Played") -> None:
        import sys

        from shoal.app.output import print_line
        from shoal.testing.sim.seed_line import summary

        report = played.report
        if report.failure is not None or not self._is_quiet:
            print_line(summary(report))
        if report.failure is not None:
            for text in played.evidence:
                print_line("\n".join(f"  {line}" for line in text.splitlines()))
            print_line(f"  again: {self._command(report.seed, self._reduction)}")
        sys.stdout.flush()

    def _shrink(self, report: "SeedReport") -> None:
        from shoal.app.output import print_line
        from shoal.testing.sim.play import play_seed
        from shoal.testing.sim.reduction import Reduction, Shrinking
        from shoal.testing.sim.swarm import seed_options

        def fails(reduction: Reduction) -> bool:
            again = play_seed(report.seed, self._profile, reduction).report
            is_same = type(again.failure) is type(report.failure)
            if is_same and not self._is_quiet:
                print_line(f"  fails too: {reduction.words()}")
            return is_same

        shrinking = Shrinking(seed_options(report.seed, self._profile), self._reduction, fails)
        smallest = shrinking.shrink(_SHRINK_RUNS_MAX)
        print_line(f"  smallest, of {shrinking.runs} that were tried: {self._command(report.seed, smallest)}")

    def _command(self, seed: int, reduction: "Reduction") -> str:
        profile = "" if self._name == "swarm" else f" --profile {self._name}"
        return f"shoal sim --seed {seed}{profile} {reduction.words()}".rstrip()
