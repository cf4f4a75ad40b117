"""The kinds of faults that a campaign answers for, each with what counts it and what switches it on."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from shoal.testing.sim.swarm import Profile

NETWORK = "network"
"""Switches on what the network does by itself; all else is the name of a harm."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """What counts as this kind, by the names of `World.fired`, and which harms make it."""

    counters: tuple[str, ...]
    made_by: tuple[str, ...]


FAULT_KINDS: Mapping[str, FaultKind] = {
    "process crash": FaultKind(("process crash",), ("crash",)),
    "power loss": FaultKind(("power loss",), ("crash", "crash_at_disk")),
    "stop": FaultKind(("asked to stop",), ("stop",)),
    "pause": FaultKind(("pause",), ("pause",)),
    "partition": FaultKind(("partition",), ("partition",)),
    "one-way partition": FaultKind(("partition_one_way",), ("partition",)),
    "clog": FaultKind(("clog",), ("clog",)),
    "slow host": FaultKind(("slow",), ("slow",)),
    "lost request": FaultKind(("lose_request",), (NETWORK,)),
    "lost reply": FaultKind(("lose_reply",), (NETWORK,)),
    "cut body": FaultKind(("cut_body",), (NETWORK,)),
    "half-close": FaultKind(("half_close",), (NETWORK,)),
    "reset": FaultKind(("reset",), (NETWORK, "partition")),
    "corruption": FaultKind(("corrupt",), (NETWORK,)),
    "delay": FaultKind(("delay",), (NETWORK,)),
    "duplication": FaultKind(("duplicate",), (NETWORK,)),
    "clock step": FaultKind(("wall step",), ("step_wall",)),
    "clock lost": FaultKind(("wall lost",), ("lose_wall",)),
    "EIO": FaultKind(("disk read_eio", "disk write_eio"), ("fail_read", "fail_write")),
    "failed sync": FaultKind(("disk sync_eio",), ("fail_sync",)),
    "no space": FaultKind(("disk no_space", "disk over_quota"), ("refuse_space", "refuse_quota")),
    "full disk": FaultKind(("disk full",), ("fill_disk",)),
    "slow disk": FaultKind(("slow disk",), ("slow_disk",)),
    "dead disk": FaultKind(("dead disk",), ("kill_disk",)),
    "read-only disk": FaultKind(("read-only disk",), ("freeze_disk",)),
    "short write": FaultKind(("disk short_write",), ("shorten_write",)),
    "rot": FaultKind(("rot",), ("rot",)),
    "zeroed sector": FaultKind(("zeroed sector",), ("zero_sector",)),
    "stale sector": FaultKind(("stale sector",), ("turn_back_sector",)),
    "bad sector": FaultKind(("bad sector",), ("spoil_sector",)),
    "lost write": FaultKind(("disk lost_write",), ("lose_write",)),
    "misdirected write": FaultKind(("disk misdirected_write",), ("misdirect_write",)),
    "lying sync": FaultKind(("disk sync_lie",), ("lie_of_sync",)),
}
"""By the name that people read."""


def count_kinds(fired: Mapping[str, int]) -> Counter[str]:
    """How often each kind fired; kinds that did not have a 0."""
    return Counter({name: sum(fired.get(each, 0) for each in kind.counters) for name, kind in FAULT_KINDS.items()})


def kinds_of(profile: Profile) -> list[str]:
    """Those that enough seeds of `profile` must see."""
    possible = {*profile.harms, *([NETWORK] if any(profile.severities) else [])}
    return [name for name, kind in FAULT_KINDS.items() if possible & {*kind.made_by}]
