"""The real log: one line an event on a text stream, `TIME LEVEL event key=value …`."""

import contextlib
import json
import sys
from datetime import UTC, datetime
from enum import IntEnum
from typing import TextIO


class Level(IntEnum):
    """From quiet to talkative what is shown: this and all above."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


def chosen_level(*, is_quiet: bool, is_debug: bool) -> Level:
    """What --quiet and --debug ask for; debug wins."""
    return Level.DEBUG if is_debug else Level.ERROR if is_quiet else Level.INFO


class StreamLog:
    """I write events as lines. A line is written whole, so several processes may share a stream.

    Without a stream it is what `sys.stderr` is at that moment: a progress bar puts itself in its place for a while.
    """

    def __init__(
        self, *, level: Level = Level.INFO, stream: TextIO | None = None, fields: dict[str, object] | None = None
    ) -> None:
        self._level = level
        self._stream = stream
        self._fields = fields or {}

    def bind(self, **fields: object) -> "StreamLog":
        return StreamLog(level=self._level, stream=self._stream, fields=self._fields | fields)

    def debug(self, event: str, **fields: object) -> None:
        self._write(Level.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._write(Level.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._write(Level.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._write(Level.ERROR, event, fields)

    def _write(self, level: Level, event: str, fields: dict[str, object]) -> None:
        if level < self._level:
            return
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        told = "".join(f" {name}={_value(value)}" for name, value in (self._fields | fields).items())
        stream = self._stream or sys.stderr
        with contextlib.suppress(OSError):  # nobody reads any more, or the disk is full: no reason to fail an operation
            stream.write(f"{stamp} {level.name.lower()} {event}{told}\n")
            stream.flush()


def _value(value: object) -> str:
    """Bare if it is one plain word, else quoted as JSON: a field can never look like another one."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    is_plain = text.isascii() and text.isprintable() and not any(mark in text for mark in ' "=')
    return text if is_plain and text else json.dumps(text)
