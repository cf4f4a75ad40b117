"""The options of one seed: size of the cluster, sizes of everything in it, what goes wrong, what clients do.

Each seed leaves something out: a kind of fault or of operation that is off lets other bugs show (Groce et al., "Swarm
Testing", 2012). Sizes are tiny, so that segments fill, logs fold and manifests page within a few seconds. A profile
says what seeds draw from; all of them run the product's store and SQLite on simulated disks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from shoal.base.units import HOUR, KIB, MIB, MILLISECOND, SECOND
from shoal.client.settings import ClientSettings
from shoal.coordinator.settings import CoordinatorSettings
from shoal.core.catalog.purge import PURGE_ROWS
from shoal.core.placement.selector import SELECTOR_NAMES
from shoal.gateway.jsonl.call import Placing
from shoal.gateway.jsonl.settings import DoorLimits
from shoal.model.cluster import INLINE_CHUNKS_MAX, PAGE_CHUNKS_MAX, ClusterSettings
from shoal.node.primary_put import WHOLE_MAX
from shoal.store.settings import StoreSettings
from shoal.testing.sim.cluster import (
    CLUSTER_ID,
    COORDINATOR,
    COORDINATOR_ADDRESS,
    ClusterShape,
    TinyNodeSettings,
    node_names,
)
from shoal.testing.sim.contents import ContentSettings
from shoal.testing.sim.disk_harm import DISK_HARMS, KILL, LOSSES, ROT, Sick
from shoal.testing.sim.gateway import GatewaySettings
from shoal.testing.sim.nemesis import HARMS, HOST_HARMS, ROUTE_HARMS, NemesisSettings
from shoal.testing.sim.network import NetworkSettings
from shoal.testing.sim.network_faults import draw_network_faults
from shoal.testing.sim.route import RouteProfile
from shoal.testing.sim.worker import MIX, WorkSettings
from shoal.testing.sim.workload import WorkloadSettings
from shoal.testing.sim.world import WorldSettings

_STREAMED_BYTES_MAX = 400 * KIB
_SEAL_BYTES_MAX = 256
_SMALL_SHARES = 32
_LARGE_SHARES = 11
"""Of a node's memory: a replica counts four times, and a lane has at least an eighth, or three for large ones."""


_BYTES_PER_S = (None, None, None, 8 * MIB, MIB)
"""Of each route: many seeds have no limit."""


@dataclass(frozen=True, slots=True)
class SwarmOptions:
    """All that a seed decides before its first step."""

    shape: ClusterShape
    world: WorldSettings
    nemesis: NemesisSettings
    workload: WorkloadSettings
    blackout_at: int
    """Acknowledged writes before the whole cluster loses its power in the middle of everything."""
    rest: tuple[str, ...]
    """Nodes that stay dead when the others must go on without them."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What seeds draw from."""

    summary: str
    harms: tuple[str, ...] = HARMS
    severities: tuple[float, ...] = (0, 0.5, 2, 5)
    """Of what goes wrong on the network by itself."""
    crashpoints: tuple[float, ...] = (0, 0, 0.002, 0.01)
    operations: tuple[int, int] = (100, 140)
    calm_s: tuple[float, ...] = (0.7, 1, 2, 5)
    """Between two blows."""
    weak_share: float = 0.6
    """Of seeds in which one node's disk does not keep what it got."""


PROFILES: Mapping[str, Profile] = {
    "swarm": Profile("everything"),
    "disks": Profile(
        "disks that fail, fill up, rot and lie, and crashes",
        harms=("crash", "crash_at_disk", "stop", *DISK_HARMS),
        severities=(0,),
    ),
    "medium": Profile(
        "a disk that does not keep what it got: rot, lost and misdirected writes, syncs that lie, bad sectors",
        harms=("crash", *LOSSES),
        severities=(0,),
        calm_s=(0.3, 0.7, 1),
        weak_share=1.0,
    ),
    "network": Profile(
        "lost, late and doubled messages, partitions, pauses, clocks", harms=(*HOST_HARMS, *ROUTE_HARMS)
    ),
    "long": Profile("everything, ten times as long", operations=(1000, 1400), calm_s=(5, 10, 20)),
}
"""By name; `swarm` is what is meant if none is named."""
SWARM = PROFILES["swarm"]


def seed_options(seed: int, profile: Profile = SWARM) -> SwarmOptions:
    """The options that `seed` stands for."""
    return draw_options(Random(f"{seed}/swarm"), profile)


def draw_options(rng: Random, profile: Profile = SWARM) -> SwarmOptions:
    """The options that `rng` stands for."""
    chunk_bytes = rng.choice((512, 2 * KIB, 4 * KIB, 16 * KIB, 96 * KIB))
    contents = ContentSettings(chunk_bytes, streamed_bytes_max=rng.choice((chunk_bytes, _STREAMED_BYTES_MAX)))
    shape = _draw_shape(rng, contents)
    nemesis = _draw_nemesis(rng, profile, nodes=node_names(shape.nodes))
    rest = _draw_rest(rng, nemesis.sick.weak, nodes=node_names(shape.nodes))
    is_bare = nemesis.sick.weak is None and not rest
    return SwarmOptions(
        shape=shape,
        world=WorldSettings(
            network=NetworkSettings(RouteProfile(bytes_per_s=rng.choice(_BYTES_PER_S))),
            faults=draw_network_faults(rng, severity=rng.choice(profile.severities)),
            crashpoint=rng.choice(profile.crashpoints),
            downtime_mean_ns=3 * SECOND,
            limit_ns=3 * HOUR,
        ),
        nemesis=nemesis,
        workload=_draw_workload(
            rng,
            _draw_wishes(rng, contents, nodes=shape.nodes, copies_min=1 if is_bare else 2),
            operations=rng.randint(*profile.operations),
        ),
        blackout_at=rng.randint(5, 25),
        rest=rest,
    )


def _draw_nemesis(rng: Random, profile: Profile, *, nodes: list[str]) -> NemesisSettings:
    """With a weak disk or without: two copies are acknowledged at least, so one may be lost."""
    weak = rng.choice(nodes) if rng.random() < profile.weak_share else None
    harms = [harm for harm in profile.harms if rng.random() < 0.5]
    if weak is None:
        harms = [harm for harm in harms if harm not in LOSSES or harm == KILL]
    elif rng.random() < 0.4:  # rot alone loses one replica at a time, and never silently
        harms = [harm for harm in harms if harm not in LOSSES or harm == ROT]
    return NemesisSettings(
        harms=tuple(harms) or ("crash",),
        sick=Sick((COORDINATOR, *nodes), weak),
        calm_mean_ns=round(rng.choice(profile.calm_s) * SECOND),
        harm_mean_ns=rng.choice((1, 3, 8)) * SECOND,
        wall_error_max_ns=100 * SECOND,
    )


def _draw_rest(rng: Random, weak: str | None, *, nodes: list[str]) -> tuple[str, ...]:
    """One node at most: the others hold a copy of everything, unless a weak one among them has lost it."""
    if rng.random() < 0.3:
        return ()
    return (weak or rng.choice(nodes),)


def _draw_shape(rng: Random, contents: ContentSettings) -> ClusterShape:
    chunk_bytes = contents.chunk_bytes
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
        node=TinyNodeSettings(
            coordinator=COORDINATOR_ADDRESS,
            control_deadline_ns=rng.choice((1, 5)) * SECOND,
            forward_deadline_ns=rng.choice((2, 10)) * SECOND,
            stall_ns=rng.choice((100, 1000)) * MILLISECOND,
            heartbeat_retry_ns=rng.choice((200, 1000)) * MILLISECOND,
            identity_sync_ns=10 * SECOND,
            puts_max=rng.choice((2, 256)),
            memory_bytes=rng.choice((256 * MIB, tiny_memory_bytes(contents.chunk_bytes_max))),
            admission_ns=rng.choice((1, 10)) * SECOND,
            rate_limit=rng.choice((None, None, MIB, 256 * KIB)),
        ),
        client=ClientSettings(
            control_deadline_ns=rng.choice((1, 3, 10)) * SECOND,
            patience_ns=rng.choice((5, 15, 30)) * SECOND,
            busy_patience_ns=rng.choice((5, 600)) * SECOND,
            transfer_deadline_ns=rng.choice((3, 10)) * SECOND,
            read_head_deadline_ns=rng.choice((1, 5)) * SECOND,
            chunks_in_flight=rng.choice((1, 4, 16)),
            page_chunks_max=rng.choice((INLINE_CHUNKS_MAX + 1, INLINE_CHUNKS_MAX + 4, PAGE_CHUNKS_MAX)),
            piece_bytes=rng.choice((1 + max(chunk_bytes, 8 * KIB) // 3, 256 * KIB)),
            session_rotate_ns=rng.choice((5, 3600)) * SECOND,
        ),
        coordinator=CoordinatorSettings(
            CLUSTER_ID,
            sweep_ns=rng.choice((100, 500)) * MILLISECOND,
            purge_rows=rng.choice((1, 2, PURGE_ROWS)),
            purge_steps_max=rng.choice((1, 40)),
            large_calls_max=rng.choice((1, 8)),
        ),
    )


def tiny_memory_bytes(chunk_bytes_max: int) -> int:
    """For one or two of the largest chunks in each lane of a node's budget, so that most wait."""
    small, large = min(chunk_bytes_max, WHOLE_MAX) + _SEAL_BYTES_MAX, chunk_bytes_max + _SEAL_BYTES_MAX
    return max(_SMALL_SHARES * small, _LARGE_SHARES * large)


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


def _draw_wishes(rng: Random, contents: ContentSettings, *, nodes: int, copies_min: int) -> ContentSettings:
    """What each object may want for itself. There may be only one copy of it where no node is weak, and none stays
    dead: else it could be lost, or out of reach."""
    copies = (0, *range(copies_min, nodes + 2))
    return replace(
        contents,
        copies=copies if rng.random() < 0.5 else (0,),
        selectors=(None, *SELECTOR_NAMES) if rng.random() < 0.5 else (None,),
    )


def _draw_workload(rng: Random, contents: ContentSettings, *, operations: int) -> WorkloadSettings:
    mix = {name: weight for name, weight in MIX.items() if name == "put" or rng.random() < 0.8}
    return WorkloadSettings(
        clients=rng.randint(2, 3),
        workers=rng.randint(1, 2),
        operations=operations,
        work=WorkSettings(
            registers=rng.randint(3, 8),
            think_mean_ns=rng.choice((50, 300, 1000)) * MILLISECOND,
            contents=contents,
            mix=mix,
            hurry=rng.choice((0, 0.05, 0.2)),
        ),
        gateway=_draw_gateway(rng, contents.chunk_bytes),
    )


def _draw_gateway(rng: Random, chunk_bytes: int) -> GatewaySettings:
    """Everybody has a turn at once, or few have, and others wait or are refused."""
    return GatewaySettings(
        limits=DoorLimits(
            small_bytes=rng.choice((512, 16 * KIB)),
            medium_bytes=rng.choice((20 * KIB, MIB)),
            medium_turns=rng.choice((1, 32)),
            large_turns=rng.choice((1, 2)),
            turn_wait_ns=rng.choice((1, 60)) * SECOND,
            files_listed_max=rng.choice((2, 10_000)),
        ),
        placing=Placing(block_bytes=chunk_bytes, selector=rng.choice(SELECTOR_NAMES)),
    )
