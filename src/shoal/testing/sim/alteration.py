"""Bits that turn over on the way, below TCP's checksum: in a network card, a switch or a proxy.

A head is turned over in the form in which it is sent, and read again by the strict reader of the real link: what that
one refuses is refused here too. Source: Stone and Partridge, "When the CRC and TCP Checksum Disagree", 2000.
"""

from dataclasses import dataclass

from shoal.net.head import parse_reply, parse_request
from shoal.net.settings import LinkSettings
from shoal.ports.link import Request

_LIMITS = LinkSettings()
_INTERIM_MAX = 199


@dataclass(frozen=True, slots=True)
class Message:
    """A head as it is sent, and the first frame of the body, or nothing."""

    head: bytes
    frame: bytes


@dataclass(frozen=True, slots=True)
class Flip:
    """Which bit of a message turns over: of its frame, or of its head."""

    is_in_head: bool
    bit: int

    def of(self, message: Message) -> Message:
        """What arrives of `message`."""
        if self.is_in_head:
            return Message(flipped(message.head, self.bit), message.frame)
        return Message(message.head, flipped(message.frame, self.bit))


@dataclass(frozen=True, slots=True)
class ReplyStart:
    """What a client makes of the head of a reply."""

    status: int
    headers: dict[str, str]
    body_bytes: int


def flipped(data: bytes, bit: int) -> bytes:
    """`data` with one bit turned over, counted from the first of its first byte."""
    at = bit // 8
    return data[:at] + bytes([data[at] ^ 1 << bit % 8]) + data[at + 1 :]


def read_request(head: bytes) -> tuple[Request, int]:
    """The request and the length of its body, as a server reads them. Raises: HeadRefused."""
    read = parse_request(head, _LIMITS)
    return Request(read.method, read.target, read.headers), read.body_length


def read_reply(head: bytes, *, to_head: bool) -> ReplyStart | None:
    """The reply, as a client reads it; None if it waits for another one, or refuses this one and closes.
    Raises: HeadRefused."""
    read = parse_reply(head, _LIMITS, to_head=to_head)
    if read.status <= _INTERIM_MAX:
        return None
    return ReplyStart(read.status, read.headers, read.body_length)
