"""Settings of a chunk store. Every limit that sets a scale is here, so that a simulation can make it tiny."""

from dataclasses import dataclass

from shoal.base.errors import check
from shoal.base.units import MIB
from shoal.formats.segment import SEGMENT_HEADER_BYTES, footer_bytes, record_bytes


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Sizes in bytes."""

    small_bytes_max: int = MIB - 1
    """Replicas up to this size go into segments, larger ones into files of their own."""
    segment_bytes_min: int = 16 * MIB
    segment_bytes_max: int = 256 * MIB
    """A new segment is as large as all before it together, within these limits."""
    batch_bytes_max: int = 4 * MIB
    """One flush takes no more than this, unless one record is larger."""
    queue_bytes_max: int = 64 * MIB
    """What may wait for the flusher; who comes later waits before joining the queue."""
    reserve_bytes_min: int = 64 * MIB
    reserve_share: float = 0.01
    """The larger of the two is kept free for metadata, garbage collection and deletes."""
    capacity_bytes: int | None = None
    """What this store may take in all; None: all that the file system has."""
    fan_out: int = 256
    """Directories over which files are spread. Fixed when a volume is made; 1 to 256."""
    open_segments_max: int = 256
    """Segments kept open for reading."""
    scan_window_bytes: int = 4 * MIB

    def __post_init__(self) -> None:
        largest = SEGMENT_HEADER_BYTES + record_bytes(self.small_bytes_max) + footer_bytes(1)
        check(largest <= self.segment_bytes_min, "a segment must hold the largest small replica", needs=largest)
        check(self.segment_bytes_min <= self.segment_bytes_max < 2**32, "segment sizes contradict each other")
        check(self.batch_bytes_max <= self.queue_bytes_max, "a batch must fit into the queue")
        check(self.open_segments_max > 0 and self.scan_window_bytes > 0, "a limit of nothing")
        check(1 <= self.fan_out <= 256, "files are spread over 1 to 256 directories", got=self.fan_out)
