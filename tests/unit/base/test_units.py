"""Sizes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvalidArgument
from shoal.base.units import DAY, GIB, HOUR, KIB, MIB, MINUTE, SECOND, TIB, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("7b", 7),
        ("64k", 64 * KIB),
        ("64KiB", 64 * KIB),
        ("8M", 8 * MIB),
        ("8mb", 8 * MIB),
        (" 8 MiB ", 8 * MIB),
        ("1.5GiB", GIB + GIB // 2),
        ("0.001k", 1),
        ("2T", 2 * TIB),
    ],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "-1",
            "+1",
            "1_000",
            "1e3",
            "0x10",
            "1.5",
            "1.5b",
            "1.",
            ".5k",
            "1.2345k",
            "1,5G",
            "8ib",
            "8kk",
            "k",
        ),
        *("MiB", "8 Mi B", "1\n0", "9" * 16, "9" * 5000, "٣", "²", "8\u212a", "8\u00a0M", "inf", "8MiB\x00"),
    ],
)
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is not a size") as caught:
        parse_size(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (MIB - 1, "1.0 MiB"),
        (256 * MIB, "256.0 MiB"),
        (GIB - 1, "1.0 GiB"),
        (1536 * GIB, "1.5 TiB"),
        (5000 * TIB, "5000.0 TiB"),
    ],
)
def test_a_size_is_told_in_the_largest_unit_that_fits(count: int, text: str) -> None:
    assert format_size(count) == text


@given(count=st.integers(0, 10**15))
def test_what_is_told_can_be_read_and_is_near(count: int) -> None:
    assert abs(parse_size(format_size(count)) - count) <= max(1, count * 0.06)


@pytest.mark.parametrize(
    ("text", "duration"),
    [("90s", 90 * SECOND), ("15m", 15 * MINUTE), ("12h", 12 * HOUR), (" 30d ", 30 * DAY), ("0s", 0)],
)
def test_a_length_of_time_is_read(text: str, duration: int) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "5", "d", "-5d", "+5d", "1_0d", "1.5h", "5D", "5 d", "٣d", "1w", "5d5h", "9" * 5000]
)
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="write for example"):
        parse_duration(text)
