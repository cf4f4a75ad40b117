"""The strict reader takes what these links send, and refuses what two readers could understand in two ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.net.head import HeadRefused, ReplyHead, RequestHead, check_partial, parse_reply, parse_request
from shoal.net.settings import LinkSettings

LIMITS = LinkSettings()


def request(*lines: bytes, first: bytes = b"PUT /a HTTP/1.1", host: bytes = b"host: x") -> bytes:
    return b"\r\n".join([first, host, *lines, b"", b""])


def test_a_plain_request_is_read_as_sent() -> None:
    raw = request(b"Content-Length: 12", b"X-Grant:  a, b: c  ", b"Empty:", first=b"PUT /a%2Fb?x=%20#y HTTP/1.1")
    headers = {"host": "x", "content-length": "12", "x-grant": "a, b: c", "empty": ""}
    assert parse_request(raw, LIMITS) == RequestHead("PUT", "/a%2Fb?x=%20#y", headers, 12, True, False)


REFUSED = {
    "bare LF": request(b"a: b\nc: d"),
    "bare LF between lines": b"GET / HTTP/1.1\nhost: x\r\n\r\n",
    "bare CR": request(b"a: b\rc: d"),
    "CR and LF apart": request(b"a: b\rc\nd"),
    "folded line": request(b"a: b", b" c"),
    "folded by tab": request(b"a: b", b"\tc"),
    "space before colon": request(b"content-length : 5"),
    "space before name": b"GET / HTTP/1.1\r\n host: x\r\n\r\n",
    "NUL in a value": request(b"a: b\x00"),
    "NUL in a name": request(b"a\x00: b"),
    "NUL in the target": request(first=b"GET /\x00 HTTP/1.1"),
    "tab": request(b"a:\tb"),
    "outside ASCII": request(b"a: \xc3\xa9"),
    "DEL": request(b"a: \x7f"),
    "no colon": request(b"abc"),
    "no name": request(b": b"),
    "name not a token": request(b"a(b: c"),
    "empty first line": b"\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "nothing at all": b"\r\n\r\n",
    "two spaces": request(first=b"GET  / HTTP/1.1"),
    "space at the end": request(first=b"GET / HTTP/1.1 "),
    "no version": request(first=b"GET /"),
    "HTTP/1.0": request(first=b"GET / HTTP/1.0"),
    "HTTP/2.0": request(first=b"GET / HTTP/2.0"),
    "RTSP": request(first=b"GET / RTSP/1.0"),
    "small method": request(first=b"get / HTTP/1.1"),
    "unknown method": request(first=b"SHOAL / HTTP/1.1"),
    "CONNECT": request(first=b"CONNECT a:1 HTTP/1.1"),
    "upgrade": request(b"connection: upgrade", b"upgrade: h2c"),
    "absolute target": request(first=b"GET http://x/ HTTP/1.1"),
    "asterisk": request(first=b"OPTIONS * HTTP/1.1"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "empty host": request(host=b"host:"),
    "two hosts": request(b"Host: y"),
    "any field twice": request(b"x-a: 1", b"X-A: 1"),
    "length twice": request(b"content-length: 5", b"content-length: 5"),
    "length and TE": request(b"content-length: 5", b"transfer-encoding: chunked"),
    **{
        f"TE {value!r}": request(b"transfer-encoding: " + value)
        for value in (b"chunked", b"xchunked", b"chunked, identity", b"identity", b"\x0bchunked", b"", b"a, a")
    },
    **{
        f"length {value!r}": request(b"content-length: " + value)
        for value in (
            *(b"+5", b"-0", b"-5", b"5, 5", b"5,5", b"0x5", b"5e1", b"1_0", b"5 5", b"", b"05", b"5.0", b"\xd9\xa5"),
            *(b"1" * 20, b"9" * 5000),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_a_doubtful_head_is_refused(raw: bytes) -> None:
    with pytest.raises(HeadRefused) as refused:
        parse_request(raw, LIMITS)
    assert refused.value.status == 400


def test_only_the_known_expectation_is_met() -> None:
    assert parse_request(request(b"Expect: 100-Continue"), LIMITS).expects_continue
    with pytest.raises(HeadRefused) as refused:
        parse_request(request(b"Expect: 200-ok"), LIMITS)
    assert refused.value.status == 417


@pytest.mark.parametrize(("value", "keeps"), [(b"close", False), (b"Close", False), (b"x, close", False), (b"x", True)])
def test_the_sender_can_ask_to_close(value: bytes, keeps: bool) -> None:
    assert parse_request(request(b"connection: " + value), LIMITS).keeps_alive is keeps


def fields(count: int) -> bytes:
    return request(*(b"a%d: b" % n for n in range(count - 1)))


def test_a_head_may_reach_every_limit_but_not_pass_it() -> None:
    parse_request(fields(100), LIMITS)
    line = b"a: " + b"b" * (8 * 1024 - 3)
    parse_request(request(line), LIMITS)
    parse_request(request(line, b"c: " + b"d" * (16 * 1024 - len(request(line)) - 5)), LIMITS)
    for raw in (fields(101), request(line + b"b"), request(line, b"c: " + b"d" * (16 * 1024 - len(request(line)) - 4))):
        with pytest.raises(HeadRefused) as refused:
            parse_request(raw, LIMITS)
        assert refused.value.status == 431


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"G" * 8193, 431),
        (b"GET / HTTP/1.1\r\na: " + b"b" * 8190, 431),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 102, 431),
        ((b"a" * 8000 + b"\r\n") * 3, 431),
        (b"GET / HTTP/1.1\nhost: x\n\n", 400),
        (b"GET / HTTP/1.1\rhost: x\r\r", 400),
        (b"\x16\x03\x01\x02\x00", 400),
        (b"GET /\x00", 400),
    ],
)
def test_a_head_without_an_end_is_refused_as_soon_as_it_is_lost(raw: bytes, status: int) -> None:
    statuses = []
    for end in range(len(raw) % 7 or 7, len(raw) + 1, 7):
        try:
            check_partial(bytearray(raw[:end]), max(0, end - 7), LIMITS)
        except HeadRefused as refused:
            statuses.append(refused.status)
    assert statuses[:1] == [status]


@given(st.integers(0, 60))
def test_the_beginning_of_a_good_head_is_not_refused(end: int) -> None:
    raw = request(b"content-length: 5", b"x-a: 1234567890")
    check_partial(bytearray(raw[:end]), 0, LIMITS)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_refused(noise: bytes) -> None:
    for whole in (noise + b"\r\n\r\n", request(b"a: " + noise), request(noise), request(first=b"GET /" + noise)):
        raw = whole[: whole.index(b"\r\n\r\n") + 4]
        try:
            head = parse_request(raw, LIMITS)
        except HeadRefused:
            continue
        assert raw.startswith(f"{head.method} {head.target} HTTP/1.1\r\n".encode())
        assert len(head.headers) == raw.count(b"\r\n") - 2


@pytest.mark.parametrize(
    ("status", "to_head", "length"),
    [(200, False, 7), (404, False, 7), (200, True, 0), (204, False, 0), (100, False, 0)],
)
def test_the_body_of_a_reply_is_as_long_as_its_status_says(status: int, to_head: bool, length: int) -> None:
    raw = b"HTTP/1.1 %d Word\r\ncontent-length: 7\r\n\r\n" % status
    head = parse_reply(raw, LIMITS, to_head=to_head)
    assert head == ReplyHead(status, {"content-length": "7"}, length, True)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n",
        b"HTTP/1.1  200 OK\r\ncontent-length: 5\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\ncontent-length: 5\r\n\r\n",
        b"HTTP/1.1 600 OK\r\ncontent-length: 5\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
    ],
)
def test_a_doubtful_reply_is_refused(raw: bytes) -> None:
    with pytest.raises(HeadRefused):
        parse_reply(raw, LIMITS, to_head=False)
