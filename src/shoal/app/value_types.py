"""What the values of options are: each type reads a word into what the program works with, and writes it back.

A word that is wrong is refused with the name of the flag, the variable or the line of the file that has it.
"""

from collections.abc import Callable
from typing import Any

import click

from shoal.base.errors import InvalidArgument
from shoal.base.units import DAY, KIB, MILLISECOND, SECOND, TIB, parse_duration, parse_size

_SIZE_MAX = 512 * TIB
OFF = "off"
_DURATION_MAX = 365 * DAY


class Parsed(click.ParamType):  # type: ignore[type-arg]  # no generic at run time in older releases of click
    """I read by `parse`, which raises InvalidArgument, and write by `text`, which `parse` reads again."""

    def __init__(self, name: str, parse: Callable[[str], Any], *, text: Callable[[Any], str] = str) -> None:
        self.name = name
        self.text = text
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """What has been read already stays as it is."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except InvalidArgument as exc:
            self.fail(exc.sentence, param, ctx)


def _address(text: str) -> str:
    from shoal.base.ids import Address
    from shoal.net.address import parse_address

    parse_address(Address(text))
    return text


def _grpc(text: str) -> str:
    return text if text == OFF else _address(text)


def _chunk_bytes(text: str) -> int:
    from shoal.core.chunking import check_chunk_bytes

    chunk_bytes = parse_size(text)
    check_chunk_bytes(chunk_bytes)
    return chunk_bytes


def _copies(text: str) -> int:
    from shoal.app.replicas import parse_replicas

    return parse_replicas(text)


def _size(text: str) -> int:
    size = parse_size(text)
    if not 1 <= size <= _SIZE_MAX:
        raise InvalidArgument(f"it is 1 B to {_SIZE_MAX // TIB}TiB")
    return size


def _size_text(size: int) -> str:
    """Exactly, in units that keep the number short enough to be read again."""
    return f"{size // KIB}KiB" if size % KIB == 0 else str(size)


def _duration(text: str) -> int:
    duration_ns = parse_duration(text)
    if not 1 <= duration_ns <= _DURATION_MAX:
        raise InvalidArgument(f"it is 1ms to {_DURATION_MAX // DAY}d")
    return duration_ns


def _duration_text(duration_ns: int) -> str:
    """As short as it can be; what has milliseconds was written in them."""
    seconds, rest = divmod(duration_ns, SECOND)
    return f"{duration_ns // MILLISECOND}ms" if rest else f"{seconds}s"


GRPC = Parsed("HOST:PORT|off", _grpc)
ADDRESS = Parsed("HOST:PORT", _address)
CHUNK_BYTES = Parsed("SIZE", _chunk_bytes)
COPIES = Parsed("COPIES", _copies, text=lambda copies: str(copies) if copies else "auto")
SIZE = Parsed("SIZE", _size, text=_size_text)
DURATION = Parsed("TIME", _duration, text=_duration_text)
