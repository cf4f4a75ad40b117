"""Messages as bytes: whatever comes is a message or InvalidArgument, and nothing else."""

import random
from collections.abc import Iterator
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.base.errors import InvalidArgument
from shoal.formats import wire
from shoal.model.messages.errors import ErrorBody
from shoal.model.messages.replicas import Receipt
from support.model_samples import SAMPLES

KINDS = sorted({type(sample) for sample in SAMPLES}, key=lambda kind: kind.__name__)
ERROR = wire.encode(ErrorBody("NotFound", "no", {"a": "b"}))
MANY = (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff")
"""Array, map, bytes and text that say to hold 4 Gi elements."""


def decodes_or_refuses(data: bytes, kind: type) -> None:
    with suppress(InvalidArgument):
        assert isinstance(wire.decode(data, kind), kind)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_a_message_is_read_back(sample: msgspec.Struct) -> None:
    data = wire.encode(sample)
    assert wire.decode(data, type(sample)) == sample
    assert wire.decode(memoryview(data), type(sample)) == sample


@given(data=st.binary(max_size=80), kind=st.sampled_from(KINDS))
@settings(max_examples=300)
def test_any_bytes_are_a_message_or_are_refused(data: bytes, kind: type) -> None:
    decodes_or_refuses(data, kind)


def damaged(data: bytes, rng: random.Random) -> Iterator[bytes]:
    for cut in range(len(data)):
        yield data[:cut]
    for _ in range(100):
        at = rng.randrange(len(data))
        yield data[:at] + rng.randbytes(rng.randint(1, 3)) + data[at + rng.randint(0, 3) :]
        yield data[:at] + rng.choice(MANY) + data[at:]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_a_damaged_message_is_another_one_or_is_refused(sample: msgspec.Struct) -> None:
    for data in damaged(wire.encode(sample), random.Random(1)):
        decodes_or_refuses(data, type(sample))


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa0", b"\xdc\x00\x01", b"\x81\x91"])
@pytest.mark.parametrize("depth", [10_000, 1_000_000])
def test_deep_nesting_is_refused(opening: bytes, depth: int) -> None:
    extra = b"\x94" + ERROR[1:]
    for data in (opening * depth, extra + opening * depth, extra + opening * depth + b"\xc0"):
        with pytest.raises(InvalidArgument):
            wire.decode(data, ErrorBody)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        ERROR + b"\x00",
        ERROR[:-1],
        b"\x92\xa1a\xa1\xff",
        b"\x92\xa1a\xa3\xed\xa0\x80",
        b"\x92\xa1a\xc0",
        b"\x92\xa1a\xc4\x01b",
        b"\x93\xa1a\xa1b\x81\x01\xa1c",
        b"\x82\xa4kind\xa1a\xa8sentence\xa1b",
        b"\xc1",
    ],
)
def test_what_is_nearly_a_message_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="not a ErrorBody"):
        wire.decode(data, ErrorBody)


@pytest.mark.parametrize("number", [True, 1.0, "1", None, 2**64, -(2**63) - 1])
def test_a_number_is_a_number(number: object) -> None:
    packed = msgspec.msgpack.encode(["n", 0, 1, False, b""])
    assert wire.decode(packed, Receipt).placement == 1
    try:
        packed = msgspec.msgpack.encode(["n", 0, number, False, b""])
    except OverflowError:
        return  # MessagePack has no such number
    with pytest.raises(InvalidArgument):
        wire.decode(packed, Receipt)


@pytest.mark.parametrize("content", ["\udc80", "a\ud800b", 2**64, -(2**63) - 1])
def test_what_cannot_be_written_is_the_callers_mistake(content: object) -> None:
    with pytest.raises(InvalidArgument, match="a message cannot hold this"):
        wire.encode([content])


def test_a_field_that_a_newer_release_appends_is_passed_over() -> None:
    assert wire.decode(msgspec.msgpack.encode(["NotFound", "no", {}, 7, [8]]), ErrorBody) == ErrorBody("NotFound", "no")
