"""Kinds of faults."""

from shoal.testing.sim.disk_harm import DISK_HARMS
from shoal.testing.sim.fault_kinds import FAULT_KINDS, NETWORK, count_kinds, kinds_of
from shoal.testing.sim.nemesis import HARMS
from shoal.testing.sim.swarm import PROFILES


def test_every_harm_makes_some_kind_and_every_kind_is_made_by_something() -> None:
    makers = {maker for kind in FAULT_KINDS.values() for maker in kind.made_by}
    assert makers == {*HARMS, NETWORK}


def test_kinds_are_counted_apart() -> None:
    counted = count_kinds({"lose_request": 2, "lose_reply": 3, "delay": 5, "disk read_eio": 1, "disk write_eio": 1})
    assert {kind: count for kind, count in counted.items() if count} == {
        "lost request": 2,
        "lost reply": 3,
        "delay": 5,
        "EIO": 2,
    }
    assert counted.keys() == FAULT_KINDS.keys()


def test_a_profile_answers_for_what_it_can_make() -> None:
    assert kinds_of(PROFILES["swarm"]) == list(FAULT_KINDS)
    disks = kinds_of(PROFILES["disks"])
    assert "rot" in disks
    assert "bad sector" in disks
    assert not {"delay", "corruption", "reset"} & {*disks}
    network = kinds_of(PROFILES["network"])
    made_by_disks = {name for name, kind in FAULT_KINDS.items() if {*kind.made_by} <= {*DISK_HARMS}}
    assert not made_by_disks & {*network}
