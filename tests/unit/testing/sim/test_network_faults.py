"""Faults of the simulated network, drawn."""

from random import Random

from shoal.testing.sim.network_faults import NetworkFaults, draw_network_faults

KINDS = ("lose_request", "lose_reply", "cut_body", "half_close", "corrupt", "duplicate", "delay")


def test_nothing_goes_wrong_unless_asked() -> None:
    assert all(getattr(NetworkFaults(), kind) == 0 for kind in KINDS)


def test_each_kind_is_off_in_about_half_of_the_seeds() -> None:
    drawn = [draw_network_faults(Random(seed)) for seed in range(400)]
    for kind in KINDS:
        assert 140 < sum(getattr(faults, kind) == 0 for faults in drawn) < 260


def test_severity_scales_the_probabilities() -> None:
    mild, severe = (draw_network_faults(Random(3), severity=severity) for severity in (1, 4))
    for kind in KINDS:
        assert getattr(severe, kind) == 4 * getattr(mild, kind)
