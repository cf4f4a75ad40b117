"""From record heads to infos."""

import pytest

from shoal.base.digests import crc64, sha256
from shoal.base.errors import ChecksumMismatch, InvalidArgument
from shoal.formats.segment import RecordKind, decode_record_head
from shoal.store.replica_info import check_range, info_of
from support.segments import CONTAINER, encode_record
from support.stores import content, replica


def test_a_head_says_all_of_its_replica() -> None:
    data = content(1, 100_000)
    head = decode_record_head(encode_record(replica(1), data, offset=8), salt=CONTAINER.salt, segment_id=3, offset=8)
    info = info_of(head, replica(1))
    assert (info.replica, info.stored_bytes, info.sha256, info.crc64) == (
        replica(1),
        100_000,
        sha256(data),
        crc64(data),
    )


def test_the_head_of_something_else_is_refused() -> None:
    for record in (
        encode_record(replica(2), b"x", offset=8),
        encode_record(replica(1), b"", offset=8, kind=RecordKind.TOMBSTONE),
    ):
        head = decode_record_head(record, salt=CONTAINER.salt, segment_id=3, offset=8)
        with pytest.raises(ChecksumMismatch):
            info_of(head, replica(1))


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, 3), (2, 1), (1, -1)])
def test_a_range_outside_is_refused(offset: int, length: int) -> None:
    head = decode_record_head(encode_record(replica(1), b"ab", offset=8), salt=CONTAINER.salt, segment_id=3, offset=8)
    info = info_of(head, replica(1))
    check_range(info, 0, 2)
    check_range(info, 2, 0)
    with pytest.raises(InvalidArgument):
        check_range(info, offset, length)
