"""How parallel a client is."""

import pytest

from shoal.base.errors import InvalidArgument
from shoal.base.units import KIB, MIB
from shoal.client.settings import ClientSettings


@pytest.mark.parametrize(
    ("chunk_bytes", "chunks"),
    [(1, 32), (KIB, 32), (MIB, 32), (2 * MIB, 16), (8 * MIB, 4), (16 * MIB, 2), (64 * MIB, 2), (512 * MIB, 2)],
)
def test_small_chunks_travel_in_numbers_large_ones_within_a_budget_of_bytes(chunk_bytes: int, chunks: int) -> None:
    assert ClientSettings().parallel(chunk_bytes) == chunks


def test_no_budget_allows_more_chunks_than_the_setting() -> None:
    assert ClientSettings(chunks_in_flight=1).parallel(KIB) == 1
    assert ClientSettings(chunks_in_flight=1).parallel(512 * MIB) == 1


@pytest.mark.parametrize("name", ["patience_ns", "chunks_in_flight", "bytes_in_flight", "piece_bytes"])
def test_nothing_can_be_zero(name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{name} must be positive"):
        ClientSettings(**{name: 0})


@pytest.mark.parametrize("chunks", [16, 1025])
def test_a_page_holds_more_than_a_commit_and_no_more_than_a_message(chunks: int) -> None:
    with pytest.raises(InvalidArgument, match="17 to 1024"):
        ClientSettings(page_chunks_max=chunks)
