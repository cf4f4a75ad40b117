"""The options of one seed: size of the cluster, sizes of everything in it, what goes wrong, what clients do.

Each seed leaves something out: a kind of fault or of operation that is off lets other bugs show (Groce et al., "Swarm
Testing", 2012). Sizes are tiny, so that segments fill, logs fold and manifests page within a few seconds.
"""

from dataclasses import dataclass, replace
from random import Random

from shoal.base.units import HOUR, KIB, MIB, MILLISECOND, SECOND
from shoal.client.settings import ClientSettings
from shoal.core.placement.selector import SELECTOR_NAMES
from shoal.model.cluster import ClusterSettings
from shoal.node.settings import NodeSettings
from shoal.store.settings import StoreSettings
from shoal.testing.sim.cluster import COORDINATOR_ADDRESS, ClusterShape
from shoal.testing.sim.nemesis import NemesisSettings
from shoal.testing.sim.network_faults import draw_network_faults
from shoal.testing.sim.worker import MIX, WorkSettings
from shoal.testing.sim.workload import WorkloadSettings
from shoal.testing.sim.world import WorldSettings


@dataclass(frozen=True, slots=True)
class SwarmOptions:
    """All that a seed decides before its first step."""

    shape: ClusterShape
    world: WorldSettings
    nemesis: NemesisSettings
    workload: WorkloadSettings
    blackout_at: int
    """Acknowledged writes before the whole cluster loses its power in the middle of everything."""


def draw_options(rng: Random) -> SwarmOptions:
    """The options that `rng` stands for."""
    chunk_bytes = rng.choice((512, 2 * KIB, 4 * KIB, 16 * KIB, 96 * KIB))
    return SwarmOptions(
        shape=_draw_shape(rng, chunk_bytes),
        world=WorldSettings(
            faults=draw_network_faults(rng, severity=rng.choice((0, 0.5, 2, 5))),
            crashpoint=rng.choice((0, 0, 0.002, 0.01)),
            downtime_mean_ns=3 * SECOND,
            limit_ns=HOUR,
        ),
        nemesis=NemesisSettings(
            calm_mean_ns=rng.choice((1, 2, 5)) * SECOND,
            harm_mean_ns=rng.choice((1, 3, 8)) * SECOND,
            wall_error_max_ns=100 * SECOND,
        ),
        workload=_draw_workload(rng, chunk_bytes),
        blackout_at=rng.randint(5, 25),
    )


def _draw_shape(rng: Random, chunk_bytes: int) -> ClusterShape:
    nodes = rng.randint(3, 5)
    heartbeat_ns = rng.choice((200, 500, 2000)) * MILLISECOND
    return ClusterShape(
        nodes=nodes,
        zones=rng.randint(1, nodes),
        cluster=ClusterSettings(
            copies=rng.choice((0, 0, 2, 3)),
            selector=rng.choice(SELECTOR_NAMES),
            chunk_bytes=chunk_bytes,
            heartbeat_ns=heartbeat_ns,
            suspect_after_ns=3 * heartbeat_ns,
            down_after_ns=rng.choice((4, 8)) * heartbeat_ns,
            session_ttl_ns=rng.choice((5, 15, 60)) * SECOND,
        ),
        store=_draw_store(rng, chunk_bytes),
        node=NodeSettings(
            coordinator=COORDINATOR_ADDRESS,
            control_deadline_ns=rng.choice((1, 5)) * SECOND,
            forward_deadline_ns=rng.choice((2, 10)) * SECOND,
            stall_ns=rng.choice((100, 1000)) * MILLISECOND,
            heartbeat_retry_ns=rng.choice((200, 1000)) * MILLISECOND,
            identity_sync_ns=10 * SECOND,
            puts_max=rng.choice((2, 256)),
        ),
        client=ClientSettings(
            control_deadline_ns=rng.choice((1, 3, 10)) * SECOND,
            patience_ns=rng.choice((5, 15, 30)) * SECOND,
            transfer_deadline_ns=rng.choice((3, 10)) * SECOND,
            read_head_deadline_ns=rng.choice((1, 5)) * SECOND,
            chunks_in_flight=rng.choice((1, 4)),
            piece_bytes=rng.choice((1 + max(chunk_bytes, 8 * KIB) // 3, 256 * KIB)),
            session_rotate_ns=rng.choice((5, 3600)) * SECOND,
        ),
        sweep_ns=rng.choice((100, 500)) * MILLISECOND,
    )


def _draw_store(rng: Random, chunk_bytes: int) -> StoreSettings:
    """Every chunk in segments, or all whole ones in files, or what is tiny in segments."""
    small_bytes_max = rng.choice((0, 600, chunk_bytes - 1, chunk_bytes))
    least = 8 * KIB + 2 * small_bytes_max
    settings = StoreSettings(
        small_bytes_max=small_bytes_max,
        segment_bytes_min=least,
        segment_bytes_max=least * rng.choice((1, 4)),
        batch_bytes_max=rng.choice((4 * KIB, MIB)),
        reserve_bytes_min=0,
        fan_out=rng.choice((1, 4)),
        open_segments_max=rng.choice((1, 64)),
        scan_window_bytes=rng.choice((4 * KIB, MIB)),
    )
    return replace(settings, queue_bytes_max=settings.batch_bytes_max * rng.choice((1, 4)))


def _draw_workload(rng: Random, chunk_bytes: int) -> WorkloadSettings:
    mix = {name: weight for name, weight in MIX.items() if name == "put" or rng.random() < 0.8}
    return WorkloadSettings(
        clients=rng.randint(2, 3),
        workers=rng.randint(1, 2),
        operations=rng.randint(100, 140),
        work=WorkSettings(
            registers=rng.randint(3, 8),
            think_mean_ns=rng.choice((50, 300, 1000)) * MILLISECOND,
            chunk_bytes=chunk_bytes,
            mix=mix,
            hurry=rng.choice((0, 0.05, 0.2)),
        ),
    )
