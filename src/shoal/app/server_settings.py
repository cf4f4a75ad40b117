"""The settings that several verbs take which start servers, in groups: `@CLUSTER` above a verb gives it all of one.

Each is named like the field that it sets, so `taken(ClusterSettings, chosen)` finds what was chosen for it: a setting
that is added here reaches the process by itself. The defaults stand beside the fields; a test holds the texts here
against them, because help must not load them.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from shoal.app.manner import note_debug
from shoal.app.setting import Run, setting, settings_of
from shoal.app.value_types import CHUNK_BYTES, COPIES, DURATION, SIZE

T = TypeVar("T")
Group = Callable[[Run], Run]

SELECTORS = ("ring", "round-robin", "random", "capacity", "first-healthy")
"""As `core.placement.selector.SELECTOR_NAMES`, which a test compares."""


def _group(*options: Callable[[Any], Any]) -> Callable[[Run], Run]:
    def decorate(run: Run) -> Run:
        for option in reversed(options):
            option(run)
        return run

    return decorate


CLUSTER = _group(
    setting("--replicas", "copies", type=COPIES, default="auto", show_default=True,
            help="Copies of each chunk: auto (the smaller of 3 and the nodes), or a number."),
    setting("--chunk-size", "chunk_bytes", type=CHUNK_BYTES, default="8MiB", show_default=True,
            help="How objects are cut unless a put says otherwise."),
    setting("--selector", type=click.Choice(SELECTORS), default="ring", show_default=True,
            help="How the nodes of a chunk are chosen."),
    setting("--volatile/--no-volatile", "is_volatile_allowed",
            help="Replicas may be in memory only: a restart loses them."),
    setting("--heartbeat", "heartbeat_ns", type=DURATION, default="2s", show_default=True,
            help="How often nodes say that they are there."),
    setting("--suspect-after", "suspect_after_ns", type=DURATION, default="6s", show_default=True,
            help="A node that is silent for this long gets no new chunks; at least two of --heartbeat."),
    setting("--down-after", "down_after_ns", type=DURATION, default="15s", show_default=True,
            help="And after this long it is down; more than --suspect-after."),
    setting("--session-ttl", "session_ttl_ns", type=DURATION, default="60s", show_default=True,
            help="A writer that is silent for this long has given up."),
    setting("--read-grant", "read_grant_ns", type=DURATION, default="15m", show_default=True,
            help="How long a permission to read holds, after a revocation too."),
)  # fmt: skip
"""What all members agree on; fields of `ClusterSettings`."""

CATALOG = _group(
    setting("--catalog-reserve", "catalog_reserve_bytes", type=SIZE, default="32MiB", show_default=True,
            help="With less free on the catalog's disk, nothing new is stored."),
)  # fmt: skip
"""What a coordinator does for itself; fields of `CoordinatorProcess`."""

LINK = _group(
    setting("--connections-max", "connections_max", type=click.IntRange(1, 1 << 20), default=4096, show_default=True,
            help="Connections that one process serves; one more takes the place of an idle one, or is refused."),
    setting("--head-deadline", "head_deadline_ns", type=DURATION, default="10s", show_default=True,
            help="How long a request may take to say what it wants."),
    setting("--body-grace", "body_grace_ns", type=DURATION, default="20s", show_default=True,
            help="How long a body may stand still."),
    setting("--body-rate", "body_rate_min", type=SIZE, default="1KiB", show_default=True,
            help="Bytes a second that a body must keep beyond that."),
)  # fmt: skip
"""What a process allows on its connections; fields of `LinkSettings`."""

NODE = _group(
    setting("--capacity", "capacity_bytes", type=SIZE, show_default="the disk",
            help="Take at most this much, for example 500GiB; each node."),
    setting("--reserve", "reserve_bytes_min", type=SIZE, default="64MiB", show_default=True,
            help="Leave at least this much of the disk free, and never less than 1 % of it."),
    setting("--memory", "memory_bytes", type=SIZE, default="256MiB", show_default=True,
            help="For bytes in flight, each node; who finds none left waits."),
    setting("--rate-limit", "rate_limit", type=SIZE, show_default="no limit",
            help="Bytes of payload a second, in and out each, for example 20MiB; each node."),
    setting("--forward-deadline", "forward_deadline_ns", type=DURATION, default="30s", show_default=True,
            help="How long another node may take to answer for a copy."),
)  # fmt: skip
"""What each node does; fields of `NodeSettings` and `StoreSettings`."""

FILESTORE = _group(
    setting("--filestore-open/--no-filestore-open",
            help="Serve bucket `filestore` without a key, to all on this machine."),
    setting("--filestore-copies", type=COPIES, default="2", show_default=True,
            help="Copies of each file of the gRPC file service: auto, or a number."),
    setting("--filestore-memory", type=SIZE, default="384MiB", show_default=True,
            help="For the bytes of its uploads and downloads; who finds none left waits."),
)  # fmt: skip
"""How a gateway keeps files."""

LOG = _group(
    setting("--quiet/--no-quiet", "is_quiet", help="Log errors only."),
    setting("--debug/--no-debug", "is_debug", callback=note_debug, help="Log everything."),
)


def taken(kind: Callable[..., T], chosen: Mapping[str, Any], **own: Any) -> T:
    """A `kind` of settings: what was `chosen` for its fields, what this process knows by itself, else its defaults.

    Raises: what it raises for values, or pairs of values, that cannot be."""
    fields = inspect.signature(kind).parameters
    return kind(**{name: value for name, value in chosen.items() if name in fields and value is not None}, **own)


def passed_on(ctx: click.Context, command: click.Command, *, but: tuple[str, ...]) -> tuple[str, ...]:
    """The words that tell a process which runs `command` what was decided here for the settings that both take, `but`
    for some that are told in another way."""
    keys = {each.key for each in settings_of(command)} - set(but)
    return tuple(word for each in settings_of(ctx.command) if each.key in keys for word in each.words(ctx))
