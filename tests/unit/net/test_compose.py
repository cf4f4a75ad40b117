"""What is composed is what the strict reader accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address
from shoal.net.compose import has_body, reply_head, request_head, status_line
from shoal.net.head import parse_reply, parse_request
from shoal.net.settings import LinkSettings
from shoal.ports.link import Headers

LIMITS = LinkSettings()


def compose(method: str = "PUT", target: str = "/", headers: Headers | None = None) -> bytes:
    return request_head(
        method, target, address=Address("node-1:9201"), headers=headers or {}, body_length=12, limits=LIMITS
    )


def test_a_request_reads_back() -> None:
    head = parse_request(compose(target="/a%2F?b#c", headers={"x-a": "1, 2: 3", "x-b": ""}), LIMITS)
    assert (head.method, head.target, head.body_length, head.keeps_alive) == ("PUT", "/a%2F?b#c", 12, True)
    assert head.headers == {"host": "node-1:9201", "content-length": "12", "x-a": "1, 2: 3", "x-b": ""}


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("status", [200, 204, 304, 404, 499, 599])
def test_a_reply_reads_back(status: int, keeps: bool) -> None:
    raw = reply_head(status, headers={"x-a": "1"}, body_length=5, keeps_alive=keeps, limits=LIMITS)
    head = parse_reply(raw, LIMITS, to_head=False)
    assert (head.status, head.headers["x-a"], head.keeps_alive) == (status, "1", keeps)
    assert head.body_length == (5 if has_body(status) else 0)


@pytest.mark.parametrize("status", [0, 100, 199, 600])
def test_a_status_that_is_no_final_reply_is_refused(status: int) -> None:
    with pytest.raises(InvalidArgument):
        status_line(status)


@pytest.mark.parametrize("method", ["", "get", "G T", "GÉT", "GET\n", "A" * 17])
def test_a_method_must_be_capital_letters(method: str) -> None:
    with pytest.raises(InvalidArgument):
        compose(method=method)


@pytest.mark.parametrize("target", ["", "a", "/ ", "/\t", "/\n", "/\x7f", "/é", "http://x/", "*"])
def test_a_target_must_be_visible_ascii_after_a_slash(target: str) -> None:
    with pytest.raises(InvalidArgument):
        compose(target=target)


@pytest.mark.parametrize(
    "name", ["", "A", "a b", "a:", "é", "a\r\n", "host", "connection", "transfer-encoding", "expect"]
)
def test_a_field_name_must_be_a_small_token_that_is_not_the_links_own(name: str) -> None:
    with pytest.raises(InvalidArgument):
        compose(headers={name: "1"})


def test_limits_hold_for_what_is_sent_too() -> None:
    compose(headers={f"x-{n}": "1" for n in range(98)})
    for headers in (
        {f"x-{n}": "1" for n in range(99)},
        {"x": "y" * 8190},
        {f"x-{n}": "y" * 6000 for n in range(3)},
    ):
        with pytest.raises(InvalidArgument):
            compose(headers=headers)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=10), max_size=4))
def test_no_field_can_smuggle_in_another(headers: Headers) -> None:
    try:
        raw = compose(headers=headers)
    except InvalidArgument:
        return
    head = parse_request(raw, LIMITS)
    assert head.headers.keys() == {"host", "content-length", *headers}
    assert all(head.headers[name] == value.strip(" ") for name, value in headers.items())
