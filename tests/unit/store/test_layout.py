"""Names in a volume."""

import pytest

from shoal.store import layout
from support.stores import replica


def test_names_of_segments_are_read_back() -> None:
    assert layout.segment_path(0x2A) == "chunks/segments/0000002a.seg"
    assert layout.segment_number("0000002a.seg") == 0x2A
    assert layout.segment_number("ffffffff.seg") == 2**32 - 1
    for name in ("2a.seg", "0000002A.seg", "0000002a.seg.tmp", "x"):
        assert layout.segment_number(name) is None


def test_names_of_files_are_read_back() -> None:
    address = replica(77, shard=255, placement=2**32 - 1)
    for size in (0, 1, 2**32 - 1):
        assert layout.parse_file_name(layout.file_name(address, size)) == (address, size)


@pytest.mark.parametrize("tail", ["", ".", ".01", ".x", ".4294967296", ".5.1.tmp", ".5.tmp"])
def test_other_names_are_nobodys(tail: str) -> None:
    assert layout.parse_file_name(replica(1).address + tail) is None
    assert layout.parse_file_name(f"{'0' * 32}.256.1.5") is None


def test_consecutive_chunks_are_spread_evenly() -> None:
    found = [layout.directory_of(replica(number), 4) for number in range(400)]
    assert {path: found.count(path) for path in found} == {layout.directory_path(n): 100 for n in range(4)}
