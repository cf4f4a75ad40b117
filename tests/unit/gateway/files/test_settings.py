"""Settings of the file service that cannot be are refused."""

from typing import Any

import pytest

from shoal.base.errors import InvalidArgument
from shoal.base.units import MIB
from shoal.gateway.files.settings import COPIES, FileServiceSettings


def test_two_copies_are_kept_unless_set() -> None:
    assert FileServiceSettings().copies == COPIES == 2
    assert FileServiceSettings(copies=0).copies == 0


def test_a_dozen_large_transfers_fit_into_the_memory() -> None:
    settings = FileServiceSettings()
    assert 12 * settings.share_bytes <= settings.memory_bytes * 7 // 8


@pytest.mark.parametrize(
    "wrong",
    [{"copies": -1}, {"copies": 17}, {"chunk_bytes_max": 0}, {"memory_patience_ns": 0}, {"stall_ns": 0},
     {"rate_min": 0}, {"memory_bytes": 10 * MIB}],
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        FileServiceSettings(**wrong)
