"""Heads as they arrive: one strict reader for requests and replies, bytes in, values out.

The end of a head is found here, in a bounded buffer; httptools then parses exactly those bytes with a new parser, so
it never sees a body. What llhttp forgives (empty lines before the request line, runs of spaces in it, several
versions, a second Host) is refused here, because two readers that disagree about a head is how requests are smuggled
(RFC 9112, section 11.2). Bodies have a Content-Length or nothing: there is no Transfer-Encoding on these links.
"""

import re
from dataclasses import dataclass

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, HttpResponseParser

from shoal.net.settings import LinkSettings
from shoal.ports.link import Headers

END = b"\r\n\r\n"

_PRINTABLE = bytes(range(0x20, 0x7F))
_LENGTH = re.compile(r"0|[1-9][0-9]{0,18}")
_STATUS_LINE = re.compile(rb"HTTP/1\.1 [1-5][0-9]{2}[ \r]")
_BROKEN_LINE = re.compile(rb"(?<!\r)\n|\r(?=[^\n])|[^\r\n -~]")
_BODILESS = frozenset({204, 304})


class HeadRefused(Exception):
    """The bytes are not a head that these links accept; answer `status` and close. Never leaves this package."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(slots=True)
class RequestHead:
    """The head of a request. `target` is exactly as sent."""

    method: str
    target: str
    headers: Headers
    body_length: int
    keeps_alive: bool
    expects_continue: bool


@dataclass(slots=True)
class ReplyHead:
    """The head of a reply. `body_length` is what follows: 0 for a reply to HEAD, whatever Content-Length says."""

    status: int
    headers: Headers
    body_length: int
    keeps_alive: bool


class _Parts:
    """What the parser calls back with."""

    __slots__ = ("fields", "url")

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def check_partial(inbox: bytearray, searched: int, limits: LinkSettings) -> None:
    """Refuse a head that has no end yet and can no longer become a good one. Raises: HeadRefused.

    `searched` bytes were checked before. Cost: O(new bytes) plus a scan of at most one head.
    """
    _check_size(len(inbox), inbox.count(b"\r\n"), limits)
    line_start = inbox.rfind(b"\n") + 1
    if len(inbox) - line_start > limits.head_line_bytes_max:
        raise HeadRefused(431, "a line of the head is too long")
    if _BROKEN_LINE.search(inbox, max(0, searched - 1)):
        raise HeadRefused(400, "the head has a bare CR or LF, a control character or a byte outside ASCII")


def parse_request(raw: bytes, limits: LinkSettings) -> RequestHead:
    """Read one whole head, the empty line included. Raises: HeadRefused."""
    _check_lines(raw, limits)
    parts = _Parts()
    parser = HttpRequestParser(parts)
    _feed(parser, raw)
    method = parser.get_method()
    if not raw.startswith(b"%b %b HTTP/1.1\r\n" % (method, parts.url)):
        raise HeadRefused(400, "the request line is not METHOD SP target SP HTTP/1.1")
    if not parts.url.startswith(b"/"):
        raise HeadRefused(400, "the target does not start with a slash")
    headers = _headers(parts.fields)
    if not headers.get("host"):
        raise HeadRefused(400, "there is no Host")
    expectation = headers.get("expect")
    if expectation is not None and expectation.lower() != "100-continue":
        raise HeadRefused(417, "the only expectation met is 100-continue")
    return RequestHead(
        method.decode("ascii"),
        parts.url.decode("ascii"),
        headers,
        _content_length(headers) or 0,
        _keeps_alive(headers),
        expectation is not None,
    )


def parse_reply(raw: bytes, limits: LinkSettings, *, to_head: bool) -> ReplyHead:
    """Read the whole head of a reply; `to_head` says that the request was a HEAD. Raises: HeadRefused."""
    _check_lines(raw, limits)
    parts = _Parts()
    parser = HttpResponseParser(parts)
    _feed(parser, raw)
    if _STATUS_LINE.match(raw) is None:
        raise HeadRefused(400, "the status line is not HTTP/1.1 SP status")
    status = int(parser.get_status_code())
    headers = _headers(parts.fields)
    length = _content_length(headers)
    if to_head or status < 200 or status in _BODILESS:
        length = 0
    if length is None:
        raise HeadRefused(400, "there is no Content-Length")
    return ReplyHead(status, headers, length, _keeps_alive(headers))


def _feed(parser: HttpRequestParser | HttpResponseParser, raw: bytes) -> None:
    try:
        parser.feed_data(raw)
    except HttpParserUpgrade as exc:
        raise HeadRefused(400, "there is nothing to upgrade to") from exc
    except HttpParserError as exc:
        raise HeadRefused(400, str(exc)) from exc


def _check_size(size: int, line_count: int, limits: LinkSettings) -> None:
    if size > limits.head_bytes_max:
        raise HeadRefused(431, "the head is too long")
    if line_count > limits.head_fields_max + 2:
        raise HeadRefused(431, "the head has too many fields")


def _check_lines(raw: bytes, limits: LinkSettings) -> None:
    """Only CR LF pairs and printable ASCII, no folded lines, within the limits: a few scans at the speed of C."""
    line_count = raw.count(b"\r\n")
    _check_size(len(raw), line_count, limits)
    if raw.translate(None, _PRINTABLE) != b"\r\n" * line_count:
        raise HeadRefused(400, "the head has a bare CR or LF, a control character or a byte outside ASCII")
    if b"\r\n " in raw:
        raise HeadRefused(400, "a line of the head is folded")
    if len(raw) > limits.head_line_bytes_max and max(map(len, raw.split(b"\r\n"))) > limits.head_line_bytes_max:
        raise HeadRefused(431, "a line of the head is too long")


def _headers(fields: list[tuple[bytes, bytes]]) -> Headers:
    headers: Headers = {}
    for name, value in fields:
        key = name.lower().decode("ascii")
        if key in headers:
            raise HeadRefused(400, "a field is given twice")
        headers[key] = value.decode("ascii").strip(" ")
    return headers


def _content_length(headers: Headers) -> int | None:
    if "transfer-encoding" in headers:
        raise HeadRefused(400, "Transfer-Encoding is not accepted; send Content-Length")
    text = headers.get("content-length")
    if text is None:
        return None
    if _LENGTH.fullmatch(text) is None:
        raise HeadRefused(400, "Content-Length is not a plain decimal number")
    return int(text)


def _keeps_alive(headers: Headers) -> bool:
    wish = headers.get("connection")
    return wish is None or "close" not in [token.strip() for token in wish.lower().split(",")]
