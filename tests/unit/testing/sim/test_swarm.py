"""The options of a seed."""

from random import Random

from shoal.testing.sim.disk_harm import KILL, LOSSES
from shoal.testing.sim.nemesis import HARMS
from shoal.testing.sim.network_faults import NetworkFaults
from shoal.testing.sim.swarm import PROFILES, draw_options
from shoal.testing.sim.worker import MIX

OPTIONS = [draw_options(Random(seed)) for seed in range(100)]


def test_a_seed_always_draws_the_same() -> None:
    assert [draw_options(Random(seed)) for seed in range(5)] == OPTIONS[:5]


def test_clusters_of_three_to_five_nodes_do_at_least_a_hundred_operations() -> None:
    assert {options.shape.nodes for options in OPTIONS} == {3, 4, 5}
    assert all(options.workload.operations >= 100 for options in OPTIONS)
    assert all(options.workload.acknowledged_min >= 30 for options in OPTIONS)


def test_many_faults_are_off_in_many_seeds() -> None:
    calm = NetworkFaults()
    for kind in ("lose_request", "lose_reply", "cut_body", "half_close", "corrupt", "duplicate", "delay"):
        off = sum(getattr(options.world.faults, kind) == getattr(calm, kind) for options in OPTIONS)
        assert 40 < off < 90
    assert 30 < sum(options.world.crashpoint == 0 for options in OPTIONS) < 70
    assert 30 < sum(options.world.network.profile.bytes_per_s is None for options in OPTIONS) < 90


def test_every_operation_but_put_is_left_out_by_some_seed() -> None:
    left_out = {name for options in OPTIONS for name in MIX if name not in options.workload.work.mix}
    assert left_out == MIX.keys() - {"put"}


def test_replicas_lie_in_segments_in_some_seeds_and_in_files_in_others() -> None:
    small = [options.shape.store.small_bytes_max for options in OPTIONS]
    chunk = [options.shape.cluster.chunk_bytes for options in OPTIONS]
    pairs = list(zip(small, chunk, strict=True))
    assert any(most == 0 for most in small)
    assert any(0 < most < size for most, size in pairs)
    assert any(most >= size for most, size in pairs)


def test_every_kind_of_harm_is_left_out_by_about_half_of_the_seeds() -> None:
    for harm in HARMS:
        off = sum(harm not in options.nemesis.harms for options in OPTIONS)
        assert 30 < off < (95 if harm in LOSSES else 70)


def test_what_takes_away_what_was_acknowledged_needs_a_weak_node_and_that_is_the_one_that_stays_dead() -> None:
    for options in OPTIONS:
        weak = options.nemesis.sick.weak
        assert weak or not {*options.nemesis.harms} & ({*LOSSES} - {KILL})
        assert len(options.rest) <= 1
        assert weak is None or options.rest in ((), (weak,))


def test_a_profile_draws_from_what_it_has() -> None:
    for profile in PROFILES.values():
        options = [draw_options(Random(seed), profile) for seed in range(20)]
        assert {harm for each in options for harm in each.nemesis.harms} <= {*profile.harms, "crash"}
        least, most = profile.operations
        assert all(least <= each.workload.operations <= most for each in options)
