"""Control messages and row values as MessagePack, typed and strict. Integrity is the carrier's: an HMAC on the wire,
the row seal in the catalog."""

from typing import TypeVar

import msgspec

from shoal.base.errors import InvalidArgument

T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder()


def encode(message: object) -> bytes:
    """The bytes of a message or row value. Raises: InvalidArgument for text that is not Unicode (lone surrogates) and
    for numbers of more than 64 bits, which come from callers."""
    try:
        return _encoder.encode(message)
    except (UnicodeEncodeError, OverflowError) as exc:
        raise InvalidArgument(f"a message cannot hold this: {exc}") from exc


def decode(data: bytes | memoryview, kind: type[T]) -> T:
    """A message of type `kind`. Raises: InvalidArgument if the bytes are anything else."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidArgument(f"not a {kind.__name__}: {exc}", got_bytes=len(data)) from exc
