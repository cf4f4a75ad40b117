"""The ledger of all campaigns: a list in JSON that only grows."""

import json
from collections.abc import Mapping
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


def with_entry(text: str, entry: Mapping[str, Any]) -> str:
    """The text of a ledger with an entry added to what it has; of an empty text a new one. Raises: FormatUnknown."""
    entries: object = []
    if text:
        try:
            entries = json.loads(text)
        except ValueError as exc:
            raise FormatUnknown(f"this is not a ledger: {exc}") from exc
    if not isinstance(entries, list):
        raise FormatUnknown("this is not a ledger: it holds no list")
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in [*entries, entry])
    return f"[\n{lines}\n]\n"
