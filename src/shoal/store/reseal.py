"""Giving a segment the footer that its last process did not write."""

from collections.abc import Iterator, Sequence

from shoal.base.env import Disk, File, OpenMode
from shoal.base.errors import InvariantBroken
from shoal.formats.segment import Damage, encode_entry, encode_footer
from shoal.store.layout import segment_path
from shoal.store.survey import Survey


async def seal_segment(disk: Disk, survey: Survey, *, window_bytes: int) -> int:
    """Make all that the scan found durable and close the segment behind it; the size of the file.

    The footer goes behind the last byte that is not zero, so it destroys nothing, torn or rotten.
    Raises: StorageFull, DiskFailed.
    """
    scan, container = survey.scan, survey.container
    if scan is None or container is None:
        raise InvariantBroken("only what was scanned can be sealed", segment=survey.number)
    footer = encode_footer(
        container,
        chunks=survey.chunk_entries(),
        others=[encode_entry(entry) for entry in survey.others],
        at=scan.end,
        macs_digest=scan.macs_digest,
    )
    size = scan.end + len(footer)
    file = await disk.open(segment_path(survey.number), OpenMode.UPDATE)
    try:
        for start, end in _around(scan.frontier, scan.end, lost=survey.lost):
            await _rewrite(file, start, end, window_bytes=window_bytes)
        await file.pwrite(scan.end, footer)
        await file.truncate(size)
        await file.fdatasync()
    finally:
        await file.close()
    return size


def _around(start: int, end: int, *, lost: Sequence[Damage]) -> Iterator[tuple[int, int]]:
    """The range without the sectors that cannot be read: they keep what a more patient reader may find there."""
    for sector in lost:
        if start < sector.offset < end:
            yield start, sector.offset
        start = max(start, sector.offset + sector.length)
    if start < end:
        yield start, end


async def _rewrite(file: File, start: int, end: int, *, window_bytes: int) -> None:
    """Write the last batch over itself: nothing says that it was synced, and after a failed sync its pages can look
    clean, so that no later sync would write them (Rebello et al., 2020)."""
    for at in range(start, end, window_bytes):
        await file.pwrite(at, await file.pread(at, min(window_bytes, end - at)))
