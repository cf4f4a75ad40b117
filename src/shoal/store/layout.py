"""Where things lie in a volume. All names are below one directory, so that the disk can hold other things too."""

import re
from typing import Final

from shoal.base.errors import InvalidArgument
from shoal.base.ids import ReplicaId, parse_replica

ROOT: Final = "chunks"
FORMAT_FILE: Final = f"{ROOT}/format"
SEGMENTS: Final = f"{ROOT}/segments"
FILES: Final = f"{ROOT}/files"
UNFINISHED: Final = ".tmp"
STORED_BYTES_MAX: Final = 2**32 - 1
"""What the index has room for."""

_SEGMENT = re.compile(r"([0-9a-f]{8})\.seg")
_SIZE = re.compile(r"0|[1-9][0-9]{0,9}")


def segment_path(number: int) -> str:
    """The file of a segment."""
    return f"{SEGMENTS}/{number:08x}.seg"


def segment_number(name: str) -> int | None:
    """The number in the name of a segment file; None for any other name."""
    match = _SEGMENT.fullmatch(name)
    return int(match[1], 16) if match else None


def directory_path(number: int) -> str:
    """One of the directories over which chunk files are spread."""
    return f"{FILES}/{number:02x}"


def directory_of(replica: ReplicaId, fan_out: int) -> str:
    """The directory of a replica's file: by the last byte of the chunk id, a counter, so they fill evenly."""
    return directory_path(replica.chunk[-1] % fan_out)


def file_name(replica: ReplicaId, stored_bytes: int) -> str:
    """The size is in the name, so that a start need not open millions of files."""
    return f"{replica.address}.{stored_bytes}"


def parse_file_name(name: str) -> tuple[ReplicaId, int] | None:
    """Inverse of `file_name`; None for any other name."""
    address, _, size = name.rpartition(".")
    if _SIZE.fullmatch(size) is None or int(size) > STORED_BYTES_MAX:
        return None
    try:
        return parse_replica(address), int(size)
    except InvalidArgument:  # not one of ours, which is what the caller asks
        return None
