"""The figures of docs/reliability.md, from docs/reliability.json.

`python tools/reliability_table.py` writes them anew between the page's two marks; a test fails while they differ.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reliability.md"
LEDGER = ROOT / "docs" / "reliability.json"
BEGIN, END = "<!-- figures: written by tools/reliability_table.py -->\n", "<!-- end of figures -->\n"
_HEADER = """\
| commit | profile | seeds | operations (writes) | chunks checked | cluster-hours | faults fired | failed |
|---|---|---|---|---|---|---|---|"""
_KINDS_IN_A_LINE = 5
_SUMMED = ("seeds", "operations", "writes", "chunks_checked", "cluster_hours")

Entry = Mapping[str, Any]


def figures(entries: Sequence[Entry]) -> str:
    """A table with a line for each commit and profile and one for all, and how often each kind of fault fired."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry["commit"], entry["profile"]), []).append(entry)
    lines = [_line(commit, profile, group) for (commit, profile), group in groups.items()]
    return "\n".join(
        (_HEADER, *lines, _line("all", "", entries), "", "Fired in all of them:", "", *_kinds(entries), "")
    )


def _line(commit: str, profile: str, entries: Sequence[Entry]) -> str:
    total = {name: sum(entry[name] for entry in entries) for name in _SUMMED}
    cells = (
        commit,
        profile,
        f"{total['seeds']:,}",
        f"{total['operations']:,} ({total['writes']:,})",
        f"{total['chunks_checked']:,}",
        f"{total['cluster_hours']:.1f}",
        f"{_fired(entries).total():,}",
        str(sum(len(entry["failures"]) for entry in entries)),
    )
    return f"| {' | '.join(cells)} |"


def _fired(entries: Sequence[Entry]) -> Counter[str]:
    fired: Counter[str] = Counter()
    for entry in entries:
        fired.update(entry["faults_fired"])
    return fired


def _kinds(entries: Sequence[Entry]) -> list[str]:
    cells = [f"{kind} {count:,}" for kind, count in _fired(entries).most_common()]
    cells += [""] * (-len(cells) % _KINDS_IN_A_LINE)
    rows = [cells[start : start + _KINDS_IN_A_LINE] for start in range(0, len(cells), _KINDS_IN_A_LINE)]
    drawn = [f"| {' | '.join(row)} |" for row in rows]
    return [*drawn[:1], "|---" * _KINDS_IN_A_LINE + "|", *drawn[1:]]


def with_figures(page: str, ledger: str) -> str:
    """The page with the figures of the ledger between its marks. Raises: ValueError if it has none."""
    before, found, rest = page.partition(BEGIN)
    _, also_found, after = rest.partition(END)
    if not found or not also_found:
        raise ValueError(f"{PAGE.name} lacks a mark: {BEGIN.strip()} or {END.strip()}")
    return f"{before}{BEGIN}{figures(json.loads(ledger))}{END}{after}"


def main() -> int:
    """The exit code."""
    page = PAGE.read_text("utf-8")
    PAGE.write_text(with_figures(page, LEDGER.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
