"""Values are cut out of a stream as they come, and what no parser should see is refused on the way."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.base.errors import InvalidArgument
from shoal.gateway.jsonl.framing import ValueFraming
from shoal.gateway.jsonl.settings import DoorLimits

SMALL = DoorLimits(file_bytes_max=1, depth_max=4, tokens_max=50, gap_bytes_max=20, escapes_max=10)

texts = st.text(max_size=8)
members = texts | st.integers() | st.lists(texts, max_size=3) | st.dictionaries(texts, texts, max_size=2)
documents_ = st.lists(st.dictionaries(texts, members, max_size=3), max_size=3)


def values_in(framing: ValueFraming, data: bytes, *, step: int) -> Iterator[bytes]:
    """The values in `data`, which comes in pieces."""
    for start in range(0, len(data), step):
        framing.feed(data[start : start + step])
        while (value := framing.take()) is not None:
            yield bytes(value)


def taken(data: bytes, *, step: int) -> list[bytes]:
    """The same, with nothing left."""
    framing = ValueFraming(DoorLimits())
    found = list(values_in(framing, data, step=step))
    assert framing.pending_bytes == 0
    return found


@settings(max_examples=40)
@given(documents_, st.integers(1, 50), st.sampled_from(["", "\n", "  \r\n\t"]), st.booleans())
def test_values_come_out_as_they_went_in_however_they_are_cut(
    documents: list[object], step: int, between: str, is_pretty: bool
) -> None:
    raw = between.join(json.dumps(each, indent=4 if is_pretty else None, ensure_ascii=False) for each in documents)
    assert [json.loads(value) for value in taken(raw.encode(), step=step)] == documents


@pytest.mark.parametrize(
    "raw", [rb'{"a":"\\"}', rb'{"a":"\"}{"}', rb'{"a":"\\\"]"}', b'{"}":"{"}', b'{"a":[{"b":[]}]}']
)
def test_brackets_and_quotes_in_strings_are_text(raw: bytes) -> None:
    for step in range(1, len(raw) + 1):
        assert taken(raw + raw, step=step) == [raw, raw]


@pytest.mark.parametrize(
    "raw", [b"x", b"[1]", b'"text"', b"7", b" \n null", b"{}}", b"\xef\xbb\xbf{}", b"\0{}", b"GET / HTTP/1.1"]
)
def test_what_is_no_object_is_refused_at_once(raw: bytes) -> None:
    with pytest.raises(InvalidArgument, match="a request is a JSON object"):
        list(values_in(ValueFraming(DoorLimits()), raw, step=len(raw)))


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b'{"a":' * 5, "nested more than 4"),
        (b'{"a":[[[[', "nested more than 4"),
        (b'{"a":' + b"9" * 21, "more than 20 bytes"),
        (b"{" + b" " * 21, "more than 20 bytes"),
        (b'{"a":[' + b"1," * 50, "more than 50 members"),
        (b'{"a":"' + b"\\n" * 11, "more than 10 backslashes"),
        (b'{"a":"' + b"x" * (SMALL.value_bytes_max + 1), "is too long"),
        (b'{"' + b"x" * (SMALL.value_bytes_max + 1), "is too long"),
    ],
)
@pytest.mark.parametrize("step", [13, 100_000])
def test_what_a_parser_could_choke_on_is_refused_before_it_has_come(raw: bytes, sentence: str, step: int) -> None:
    with pytest.raises(InvalidArgument, match=sentence):
        next(values_in(ValueFraming(SMALL), raw, step=step))


def test_blanks_are_not_kept() -> None:
    framing = ValueFraming(SMALL)
    for _ in range(100):
        framing.feed(b" " * 1000)
        assert framing.take() is None
        assert framing.pending_bytes == 0


def test_a_long_string_is_read_once() -> None:
    """A million pieces of one byte would take hours if each were searched from the beginning."""
    framing = ValueFraming(DoorLimits())
    framing.feed(b'{"data":"')
    for _ in range(5_000):
        framing.feed(b"x")
        assert framing.take() is None
        assert framing._scanned == framing.pending_bytes
    framing.feed(b'"}')
    assert len(framing.take() or b"") == 5_011
