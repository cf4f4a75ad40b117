"""Heads as they leave: what the strict reader on the other side accepts, and nothing else.

A whole head is checked at once: the bytes outside printable ASCII must be exactly its own line ends, so that no value
can smuggle in another field.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus

from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address
from shoal.net.settings import LinkSettings
from shoal.ports.link import Headers

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_PRINTABLE = bytes(range(0x20, 0x7F))
_METHOD = re.compile(r"[A-Z]{1,16}")
_TARGET = re.compile(r"/[!-~]*")
_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,256}")
_REASONS = {int(status): status.phrase for status in HTTPStatus}
_FRAMING = frozenset({"host", "content-length", "connection", "transfer-encoding", "expect", "upgrade"})


def request_head(
    method: str, target: str, *, address: Address, headers: Headers, body_length: int, limits: LinkSettings
) -> bytes:
    """The head of a request. Raises: InvalidArgument for a method, target or field that cannot be sent."""
    if _METHOD.fullmatch(method) is None:
        raise InvalidArgument("a method is 1 to 16 capital letters", got=method[:40])
    if _TARGET.fullmatch(target) is None:
        raise InvalidArgument("a target starts with a slash and is visible ASCII without spaces", got=target[:80])
    first = f"{method} {target} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {body_length}\r\n"
    return _compose(first, headers, limits)


def reply_head(status: int, *, headers: Headers, body_length: int, keeps_alive: bool, limits: LinkSettings) -> bytes:
    """The head of a reply. Raises: InvalidArgument for a status or field that cannot be sent."""
    first = status_line(status)
    if has_body(status):
        first += f"content-length: {body_length}\r\n"
    if not keeps_alive:
        first += "connection: close\r\n"
    return _compose(first, headers, limits)


def has_body(status: int) -> bool:
    """False for the statuses whose replies end with their head (RFC 9110, sections 15.3.5 and 15.4.5)."""
    return status not in (204, 304)


@lru_cache(maxsize=512)
def status_line(status: int) -> str:
    """The first line of a reply. Raises: InvalidArgument outside 200 to 599."""
    if not 200 <= status <= 599:
        raise InvalidArgument("a reply has a status from 200 to 599", got=status)
    return f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n"


@lru_cache(maxsize=1024)
def _checked_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise InvalidArgument("a field name is a lower-case token", got=name[:80])
    if name in _FRAMING:
        raise InvalidArgument("the link itself sets this field", got=name)
    return name


def _lines(headers: Headers) -> Iterable[str]:
    return [f"{_checked_name(name)}: {value}\r\n" for name, value in headers.items()]


def _compose(first: str, headers: Headers, limits: LinkSettings) -> bytes:
    try:
        head = f"{first}{''.join(_lines(headers))}\r\n".encode("ascii")
    except UnicodeEncodeError as exc:
        raise InvalidArgument("a field or target has characters outside ASCII") from exc
    line_count = first.count("\n") + len(headers) + 1
    if head.translate(None, _PRINTABLE) != b"\r\n" * line_count or head.count(b"\r\n") != line_count:
        raise InvalidArgument("a field has a control character")
    if len(head) > limits.head_bytes_max or line_count > limits.head_fields_max + 2:
        raise InvalidArgument("the head is too long", bytes=len(head), fields=len(headers))
    if len(head) > limits.head_line_bytes_max and max(map(len, head.split(b"\r\n"))) > limits.head_line_bytes_max:
        raise InvalidArgument("a line of the head is too long", bytes=len(head))
    return head
