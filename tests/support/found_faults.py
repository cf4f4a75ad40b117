"""Faults that the product had, planted again: what the code did before it was mended, in the place of what it does now.

`docs/reliability.md` has the list.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from shoal.base.errors import AccessDenied, OutcomeUnknown, PreconditionFailed, ShoalError, StaleEpoch
from shoal.base.ids import Address, Instant, version_text
from shoal.base.units import SECOND
from shoal.client.copying import CopyOptions, ObjectCopies
from shoal.client.remote_catalog import _Past
from shoal.core.catalog.staging import ManifestAudit
from shoal.core.names import ObjectName
from shoal.core.routes import COMMIT, COPY, DELETE
from shoal.formats.segment.v1 import RecordHead, probe_record
from shoal.model.catalog import ManifestPage, Version
from shoal.model.messages.objects import Name, Precondition
from shoal.ports.link import Reply, Request
from shoal.store.flusher import Flusher
from shoal.store.open_segment import OpenSegment
from shoal.store.supply import SegmentSupply
from shoal.store.volume import Volume
from shoal.testing.sim.device import SimDevice
from shoal.testing.sim.disk import FaultKind
from shoal.testing.sim.echo import EchoLink
from shoal.testing.sim.faults import Chooser, PlannedFault
from shoal.testing.sim.network_faults import NetworkFaults
from shoal.testing.sim.swarm import SwarmOptions
from support.planted_bugs import PlantedBug, mostly

_FLIP_EVERY = 8


def _little_work(options: SwarmOptions, *, operations: int) -> SwarmOptions:
    return replace(options, workload=replace(options.workload, acknowledged_min=1, operations=operations))


# One failing read is believed.

_right_fail = SimDevice.fail


def _fail_two_reads(
    device: SimDevice, kind: FaultKind, at: int | Chooser = 0, *, path: str | None = None, times: int | None = 1
) -> PlannedFault:
    """A sector that fails does so to the reader, and to the first look at what the reader met."""
    return _right_fail(device, kind, at, path=path, times=2 if kind is FaultKind.READ_EIO else times)


def _failing_reads(options: SwarmOptions) -> SwarmOptions:
    options = _little_work(mostly(put=2, get=3)(options), operations=80)
    return replace(options, nemesis=replace(options.nemesis, harms=("fail_read",), calm_mean_ns=3 * SECOND // 4))


# A refusal of a repetition speaks for the first try.


def _told_to_whom_it_may_concern(past: _Past, error: ShoalError) -> ShoalError:
    if past.may_be_done and isinstance(error, StaleEpoch):
        return OutcomeUnknown(error.sentence)
    return error


def _clocks_and_lost_answers(options: SwarmOptions) -> SwarmOptions:
    options = _little_work(mostly(put=2, drawer=2, cabinet=2)(options), operations=100)
    lost = NetworkFaults(lose_reply=0.2, silent_share=0.0, reset_mean_ns=SECOND // 4)
    return replace(_restless_clocks(options), world=replace(options.world, faults=lost))


def _restless_clocks(options: SwarmOptions) -> SwarmOptions:
    clocks = replace(options.nemesis, harms=("lose_wall",), calm_mean_ns=SECOND // 8, harm_mean_ns=SECOND // 4)
    return replace(options, nemesis=clocks)


# An answer that cannot be believed is a refusal.


class _NeverRaised(AccessDenied):
    """In the place of what says that an answer is nobody's."""


class _FlippingLink(EchoLink):
    """A link of a client whose answers to changes have a bit flipped now and then."""

    _answers = 0

    async def call(self, address: Address, request: Request, *, deadline: Instant, reply_bytes_max: int) -> Reply:
        """See `NodeLink.call`."""
        reply = await super().call(address, request, deadline=deadline, reply_bytes_max=reply_bytes_max)
        if request.target not in (COMMIT.target, DELETE.target, COPY.target) or not isinstance(reply.body, bytes):
            return reply
        self._answers += 1
        if self._answers % _FLIP_EVERY:
            return reply
        flipped = bytearray(reply.body)
        flipped[self._answers % len(flipped)] ^= 1
        return replace(reply, body=bytes(flipped))


# Half of a move is nothing.


async def _move(
    copies: ObjectCopies, source: Version, options: CopyOptions, *, name: ObjectName, target: ObjectName
) -> Version:
    version = await copies.copy(Name(name.bucket, name.key, source.version_id), target, options)
    try:
        await copies._delete(name, Precondition(if_version=source.version_id))
    except PreconditionFailed as exc:
        raise PreconditionFailed("it was changed meanwhile", copied=version_text(version.version_id)) from exc
    return version


def _moves_between_clocks(options: SwarmOptions) -> SwarmOptions:
    options = _little_work(mostly(drawer=4, put=1)(options), operations=100)
    slow = NetworkFaults(delay=0.3, delay_mean_ns=SECOND // 2)
    return replace(
        _restless_clocks(options),
        world=replace(options.world, faults=slow),
        workload=replace(options.workload, clients=1, workers=4),
    )


# Pages of any length.


def _add(audit: ManifestAudit, page: ManifestPage) -> None:
    for ref in page.chunks:
        audit._add(ref)


FOUND_BY_SEEDS = (
    PlantedBug(
        "one failing read puts a replica into quarantine",
        "",
        patches=(
            ("shoal.node.verify.READ_TRIES", 1),
            ("shoal.testing.sim.device.SimDevice.fail", _fail_two_reads),
        ),
        change=_failing_reads,
    ),
    PlantedBug(
        "a refused repetition is called undone",
        "",
        patches=(("shoal.client.remote_catalog._Past.told", _told_to_whom_it_may_concern),),
        change=_clocks_and_lost_answers,
    ),
    PlantedBug(
        "an answer with a flipped bit is a refusal",
        "AnswerNotBelieved",
        patches=(
            ("shoal.client.remote_catalog.AnswerNotBelieved", _NeverRaised),
            ("shoal.testing.sim.workload.EchoLink", _FlippingLink),
        ),
        change=mostly(put=1, delete=1),
    ),
    PlantedBug(
        "half a move is called undone",
        "was left with None",
        patches=(("shoal.client.copying.ObjectCopies.move", _move),),
        change=_moves_between_clocks,
    ),
    PlantedBug(
        "the pages of a manifest may have any length",
        "pages of unequal length: accepted",
        patches=(("shoal.core.catalog.staging.ManifestAudit.add", _add),),
        change=mostly(put=1, trespass=5),
    ),
)
"""Those that a simulated cluster shows."""


# A volume that failed is written to.


class _Unfailing:
    """A volume that does not mind, after so many times, that it has failed."""

    def __init__(self, volume: Volume, *, minds: int) -> None:
        self._volume = volume
        self._minds = minds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._volume, name)

    def require_writable(self) -> None:
        if self._minds:
            self._minds -= 1
            self._volume.require_writable()


_right_make, _right_flush = SegmentSupply._make, Flusher._flush


async def _make_anyway(supply: SegmentSupply) -> OpenSegment:
    with patch.object(supply, "_volume", _Unfailing(supply._volume, minds=0)):
        return await _right_make(supply)


async def _flush_as_begun(flusher: Flusher) -> None:
    with patch.object(flusher, "_volume", _Unfailing(flusher._volume, minds=1)):
        await _right_flush(flusher)


@contextmanager
def a_spare_that_failed_is_passed_over() -> Iterator[None]:
    """The next segment is made, and what waits is written to it."""
    with patch.object(SegmentSupply, "_make", _make_anyway), patch.object(Flusher, "_flush", _flush_as_begun):
        yield


@contextmanager
def a_cut_behind_a_record_is_none() -> Iterator[None]:
    """A file may end where a record ends."""
    with patch("shoal.store.survey._is_cut", lambda _size, _end: False):
        yield


def _probe_without_bound(*arguments: Any, room: int | None = None, **named: Any) -> RecordHead | int | None:
    del room
    return probe_record(*arguments, **named)


@contextmanager
def a_head_is_believed_about_its_length() -> Iterator[None]:
    """As much is hashed as a forged head says."""
    with patch("shoal.formats.segment.scan.probe_record", _probe_without_bound):
        yield
