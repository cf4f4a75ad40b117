"""The ledger of all campaigns: a JSON file that only grows."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shoal.base.errors import FormatUnknown
from shoal.base.units import HOUR
from shoal.testing.sim.campaign import Tally


def entry_of(tally: Tally, *, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a campaign leaves; `facts` say which code ran, and which seeds."""
    return {
        **facts,
        "seeds": tally.seeds,
        "operations": tally.operations,
        "writes": tally.writes,
        "puts_acknowledged": tally.acknowledged,
        "chunks_checked": tally.chunks,
        "cluster_hours": round(tally.virtual_ns / HOUR, 2),
        "faults_fired": {kind: count for kind, count in tally.kinds.items() if count},
        "never_fired": tally.unfired,
        "failures": {str(seed): why for seed, why in tally.failures.items()},
        "verdict": "ok" if tally.is_well else "failed",
    }


def append_entry(path: Path, entry: Mapping[str, Any]) -> int:
    """Add an entry to the file, which is made if there is none; how many it has now. Raises: FormatUnknown, OSError."""
    entries: list[Any] = []
    if path.exists():
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as exc:
            raise FormatUnknown(f"{path} is not a ledger: {exc}") from exc
    if not isinstance(entries, list):
        raise FormatUnknown(f"{path} is not a ledger: it holds no list")
    entries.append(entry)
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in entries)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return len(entries)
