"""From the files of a volume to its index. Everything is read before anything is written.

What is written after that - footers of segments that had none, removals of what no one was promised - changes no
acknowledged byte, and may be cut off anywhere: the next start does it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from shoal.base.env import Disk, Env
from shoal.base.ids import ReplicaId
from shoal.formats.segment import Container, FooterEntry, RecordKind, encode_entry, key_of
from shoal.formats.volume import VolumeFormat
from shoal.ports.log import Log
from shoal.store import layout
from shoal.store.chunk_file import file_bytes
from shoal.store.index import IN_FILE, NOWHERE, ReplicaIndex, ReplicaState, Row, Run
from shoal.store.reseal import seal_segment
from shoal.store.settings import StoreSettings
from shoal.store.survey import SegmentState, Survey, survey_segment

_NO_BYTES: Final = Row(ReplicaState.DELETED, 0, 0, NOWHERE)


@dataclass(frozen=True, slots=True)
class DamagedRange:
    """Bytes of a segment that should be records and are not; none if it is unknown how many were cut off here."""

    segment: int
    offset: int
    length: int


@dataclass(slots=True)
class Recovered:
    """All that a store needs to go on."""

    identity: VolumeFormat
    index: ReplicaIndex = field(default_factory=ReplicaIndex)
    containers: list[Container] = field(default_factory=list)
    damage: list[DamagedRange] = field(default_factory=list)
    next_number: int = 1
    segment_bytes: int = 0
    used_bytes: int = 0


@dataclass(slots=True)
class _Files:
    """What the directories of chunk files hold: a run each, and names that do not count."""

    runs: list[Run] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    used_bytes: int = 0


async def recover(env: Env, settings: StoreSettings, *, identity: VolumeFormat, log: Log) -> Recovered:
    """Read a volume, then finish what its last process had begun. Raises: FormatUnknown, StorageFull, DiskFailed."""
    window_bytes = settings.scan_window_bytes
    surveys = [
        await survey_segment(env.disk, number, window_bytes=window_bytes) for number in await _segment_numbers(env.disk)
    ]
    surveys = _with_emptied(surveys)
    files = await _list_files(env.disk, identity.fan_out, log)
    recovered = Recovered(identity)
    recovered.index.load([*files.runs, *(Run(survey.chunks, survey.number) for survey in surveys)])
    recovered.next_number = max((survey.number for survey in surveys), default=0) + 1
    deleted = _apply_others(recovered, surveys)
    for survey in surveys:
        _report(survey, log)
    env.crashpoint("store.recovery_read")

    doomed = [
        f"{layout.directory_of(replica, identity.fan_out)}/{layout.file_name(replica, size)}"
        for replica, size in deleted
    ]
    for path in (*files.unfinished, *doomed):
        await env.disk.unlink(path)
    for survey in surveys:
        recovered.segment_bytes += await _settle(env.disk, survey, window_bytes=window_bytes)
    # A name may be in the cache only: what is found now must be found after the next power loss too.
    for path in (layout.SEGMENTS, *(layout.directory_path(number) for number in range(identity.fan_out))):
        await env.disk.sync_dir(path)
    files_bytes = files.used_bytes - sum(file_bytes(size) for _, size in deleted)
    recovered.used_bytes = recovered.segment_bytes + files_bytes
    log.info("store_recovered", replicas=recovered.index.held_count, segments=len(surveys))
    return recovered


async def _segment_numbers(disk: Disk) -> list[int]:
    numbers = [layout.segment_number(name) for name in await disk.list(layout.SEGMENTS)]
    return [number for number in numbers if number is not None]


def _with_emptied(surveys: list[Survey]) -> list[Survey]:
    """An interrupted making leaves no room for records either, but none begins before the one before it has ended."""
    newest = max((survey.number for survey in surveys), default=0)
    return [
        replace(survey, state=SegmentState.UNREADABLE)
        if survey.state is SegmentState.EMPTY and survey.is_cut and survey.number < newest
        else survey
        for survey in surveys
    ]


async def _list_files(disk: Disk, fan_out: int, log: Log) -> _Files:
    files = _Files()
    for number in range(fan_out):
        directory, entries = layout.directory_path(number), []
        for name in await disk.list(directory):
            parsed = layout.parse_file_name(name)
            if parsed is not None and layout.directory_of(parsed[0], fan_out) == directory:
                replica, stored_bytes = parsed
                entries.append(encode_entry(FooterEntry(replica, RecordKind.CHUNK, 0, stored_bytes)))
                files.used_bytes += file_bytes(stored_bytes)
            elif name.endswith(layout.UNFINISHED):
                files.unfinished.append(f"{directory}/{name}")
            else:
                log.warning("file_unknown", path=f"{directory}/{name}")
        files.runs.append(Run(b"".join(sorted(entries)), IN_FILE))
    return files


def _apply_others(recovered: Recovered, surveys: Sequence[Survey]) -> list[tuple[ReplicaId, int]]:
    """Enter what is not a held replica: deleted wins over quarantined. The files whose removal was cut off."""
    index = recovered.index
    deleted: list[tuple[ReplicaId, int]] = []
    for survey in surveys:
        if survey.state is SegmentState.UNREADABLE:
            recovered.damage.append(DamagedRange(survey.number, 0, survey.size))
        elif survey.container is not None and survey.state is not SegmentState.EMPTY:
            recovered.containers.append(survey.container)
        for entry in survey.others:
            if entry.kind == RecordKind.DAMAGE:
                recovered.damage.append(DamagedRange(survey.number, entry.offset, entry.length))
            elif entry.kind == RecordKind.QUARANTINE:
                marked = index.get(key_of(entry.replica)) or _NO_BYTES
                index.put(key_of(entry.replica), marked._replace(state=ReplicaState.QUARANTINED))
    for entry in (entry for survey in surveys for entry in survey.others if entry.kind == RecordKind.TOMBSTONE):
        row = index.get(key_of(entry.replica))
        if row is not None and row.segment == IN_FILE:
            deleted.append((entry.replica, row.length))
        index.put(key_of(entry.replica), _NO_BYTES)
    return deleted


def _report(survey: Survey, log: Log) -> None:
    if survey.state is SegmentState.UNREADABLE:
        log.error("segment_unreadable", segment=survey.number, size=survey.size)
    if survey.is_header_damaged:
        log.warning("segment_header_damaged", segment=survey.number)
    for sector in survey.lost:
        log.error("sector_unreadable", segment=survey.number, offset=sector.offset)
    if survey.is_cut and survey.state is not SegmentState.EMPTY:
        log.error("segment_cut", segment=survey.number, size=survey.size)
    if survey.scan is None:
        return
    for record in survey.scan.rotten:
        log.error("replica_quarantined", replica=record.replica.address, segment=survey.number, offset=record.offset)
    for damage in survey.scan.damage:
        log.error("segment_damaged", segment=survey.number, offset=damage.offset, length=damage.length)
    for record in survey.scan.unfinished:
        log.warning("record_torn", replica=record.replica.address, segment=survey.number, offset=record.offset)
    if survey.scan.torn is not None:
        torn = survey.scan.torn
        log.warning("segment_tail_torn", segment=survey.number, offset=torn.offset, length=torn.length)


async def _settle(disk: Disk, survey: Survey, *, window_bytes: int) -> int:
    """Leave no segment without a footer; the size of what is left."""
    match survey.state:
        case SegmentState.UNSEALED:
            return await seal_segment(disk, survey, window_bytes=window_bytes)
        case SegmentState.EMPTY:
            await disk.unlink(layout.segment_path(survey.number))
            return 0
        case _:
            return survey.size
