"""Where one JSON value ends and the next begins: requests need no newline between them.

Only brackets, commas and the ends of strings are looked at, each byte once, however it arrives; whether what stands
between them is JSON is for the parser to say. What the parser could choke on is refused here, as it comes: depth,
numbers without end, millions of members.
"""

import re

from shoal.base.errors import InvalidArgument
from shoal.gateway.jsonl.settings import DoorLimits

_BLANKS = b" \t\r\n"
_TOKEN = re.compile(rb'[\[\]{}",]')
# Possessive: a string is never read twice, and never costs memory.
_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_OPENING, _CLOSING, _QUOTE = b"{[", b"}]", ord('"')


class ValueFraming:
    """I cut a stream into JSON objects. After an error I am of no more use: nobody knows where the next one begins."""

    __slots__ = ("_buffer", "_depth", "_escapes", "_gap_from", "_in_string", "_limits", "_scanned", "_tokens")

    def __init__(self, limits: DoorLimits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._reset()

    def _reset(self) -> None:
        self._scanned = 0
        self._gap_from = 0
        self._depth = 0
        self._tokens = 0
        self._escapes = 0
        self._in_string = False

    @property
    def pending_bytes(self) -> int:
        """Bytes of a value that is not complete, as far as `take` has seen."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """More bytes have come. Call `take` until it gives nothing."""
        self._buffer += data

    def take(self) -> bytearray | None:
        """The next value, if all of it is there. Raises: InvalidArgument: what comes is not a request, or too large."""
        if not self._depth and not self._begin():
            return None
        end = self._scan()
        if (end or len(self._buffer)) > self._limits.value_bytes_max:
            raise InvalidArgument(f"a request of more than {self._limits.value_bytes_max:,} bytes is too long")
        if not end:
            return None
        value = self._buffer
        if end == len(value):
            self._buffer = bytearray()
        else:
            value = self._buffer[:end]
            del self._buffer[:end]
        self._reset()
        return value

    def _begin(self) -> bool:
        """Pass over what separates values. False if nothing else is there."""
        rest = self._buffer.lstrip(_BLANKS)
        if len(rest) != len(self._buffer):
            self._buffer = rest
        if rest and rest[0] != _OPENING[0]:
            raise InvalidArgument("a request is a JSON object: it begins with '{'")
        return bool(rest)

    def _scan(self) -> int:
        """Read on, to where the value ends; 0 if it goes on behind what is there."""
        before = self._scanned
        while self._scanned < len(self._buffer):
            if not (self._pass_string() if self._in_string else self._pass_token()):
                break
            if not self._depth:
                break
        self._escapes += self._buffer.count(b"\\", before, self._scanned)
        if self._escapes > self._limits.escapes_max:
            raise InvalidArgument(f"a request has more than {self._limits.escapes_max:,} backslashes")
        return 0 if self._depth else self._scanned

    def _pass_string(self) -> bool:
        """To the end of the string. False if that has not come: then from a backslash on it is read again."""
        match = _STRING.match(self._buffer, self._scanned)
        self._scanned = match.end() if match else self._scanned
        if self._scanned == len(self._buffer) or self._buffer[self._scanned] != _QUOTE:
            return False
        self._in_string = False
        self._step()
        return True

    def _pass_token(self) -> bool:
        match = _TOKEN.search(self._buffer, self._scanned)
        self._scanned = match.start() if match else len(self._buffer)
        if self._scanned - self._gap_from > self._limits.gap_bytes_max:
            raise InvalidArgument(
                f"a number, or what stands between two strings, has more than {self._limits.gap_bytes_max:,} bytes"
            )
        if match is None:
            return False
        self._take_token(self._buffer[self._scanned])
        self._step()
        return True

    def _take_token(self, token: int) -> None:
        self._tokens += 1
        if self._tokens > self._limits.tokens_max:
            raise InvalidArgument(f"a request has more than {self._limits.tokens_max:,} members")
        if token == _QUOTE:
            self._in_string = True
        elif token in _OPENING:
            self._depth += 1
        elif token in _CLOSING:
            self._depth -= 1
        if self._depth > self._limits.depth_max:
            raise InvalidArgument(f"a request is nested more than {self._limits.depth_max} deep")

    def _step(self) -> None:
        self._scanned += 1
        self._gap_from = self._scanned
