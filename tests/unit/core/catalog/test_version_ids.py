"""Version ids lie in the order of the clock that made them."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvariantBroken
from shoal.base.ids import WallNs, parse_version, version_text
from shoal.core.catalog.version_ids import mint_version_id

STAMPS = st.integers(0, 2**48 * 1_000_000 - 1)
NUMBERS = st.integers(0, 2**64 - 1)


@given(first=STAMPS, second=STAMPS, numbers=st.tuples(NUMBERS, NUMBERS))
def test_byte_order_is_the_order_of_stamps(first: int, second: int, numbers: tuple[int, int]) -> None:
    ids = mint_version_id(WallNs(first), numbers[0]), mint_version_id(WallNs(second), numbers[1])
    if first != second:
        assert (ids[0] < ids[1]) == (first < second)


@given(stamp=STAMPS, number=NUMBERS)
def test_a_version_id_is_a_uuid_of_version_7(stamp: int, number: int) -> None:
    version = mint_version_id(WallNs(stamp), number)
    assert parse_version(version_text(version)) == version
    assert uuid.UUID(bytes=version).version == 7
    assert int.from_bytes(version[:6], "big") == stamp // 1_000_000


def test_a_clock_before_1970_or_after_the_year_10889_is_a_bug() -> None:
    for stamp in (-1, 2**48 * 1_000_000):
        with pytest.raises(InvariantBroken):
            mint_version_id(WallNs(stamp), 1)
