"""Limits that could not work are refused."""

from dataclasses import fields, replace

import pytest

from shoal.base.errors import InvalidArgument
from shoal.base.units import MIB
from shoal.gateway.jsonl.settings import DoorLimits


@pytest.mark.parametrize("name", [field.name for field in fields(DoorLimits)])
def test_every_limit_is_positive(name: str) -> None:
    with pytest.raises(InvalidArgument, match=name):
        replace(DoorLimits(), **{name: 0})


def test_the_largest_file_fits_into_the_longest_request() -> None:
    limits = DoorLimits(file_bytes_max=32 * MIB)
    assert limits.value_bytes_max > -(-limits.file_bytes_max // 3) * 4 + 2000
    assert limits.value_bytes_max < 2 * limits.file_bytes_max
