"""Limits that contradict each other are refused."""

from dataclasses import replace

import pytest

from shoal.base.errors import InvariantBroken
from shoal.base.units import KIB, MIB
from shoal.store.settings import StoreSettings


def test_the_defaults_agree_with_each_other() -> None:
    assert StoreSettings().small_bytes_max == MIB - 1


@pytest.mark.parametrize(
    "change",
    [
        {"segment_bytes_min": 900 * KIB},
        {"segment_bytes_min": 512 * MIB},
        {"segment_bytes_max": 2**32},
        {"queue_bytes_max": MIB},
        {"fan_out": 0},
        {"fan_out": 257},
        {"scan_window_bytes": 0},
        {"open_segments_max": 0},
    ],
)
def test_a_contradiction_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(InvariantBroken):
        replace(StoreSettings(), **change)
