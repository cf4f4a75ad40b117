"""Bits that turn over on the way."""

import pytest

from shoal.base.ids import Address
from shoal.net.compose import reply_head, request_head
from shoal.net.head import HeadRefused
from shoal.net.settings import LinkSettings
from shoal.testing.sim.alteration import Flip, Message, flipped, read_reply, read_request

REQUEST = request_head(
    "PUT", "/v1/x", address=Address("a:1"), headers={"grant": "g"}, body_length=5, limits=LinkSettings()
)
REPLY = reply_head(201, headers={"table": "8"}, body_length=7, keeps_alive=True, limits=LinkSettings())


def bit_of(head: bytes, part: bytes, bit: int) -> int:
    return 8 * head.index(part) + bit


def test_a_flip_turns_over_one_bit_of_one_part() -> None:
    message = Message(b"head", b"\x00\x00")
    assert Flip(is_in_head=False, bit=9).of(message) == Message(b"head", b"\x00\x02")
    assert Flip(is_in_head=True, bit=0).of(message) == Message(b"iead", b"\x00\x00")


def test_what_is_not_altered_is_read_as_it_was_sent() -> None:
    request, length = read_request(REQUEST)
    assert (request.method, request.target, request.headers["grant"], length) == ("PUT", "/v1/x", "g", 5)
    reply = read_reply(REPLY, to_head=False)
    assert reply is not None
    assert (reply.status, reply.headers["table"], reply.body_bytes) == (201, "8", 7)


def test_a_head_may_say_something_else() -> None:
    request, length = read_request(flipped(REQUEST, bit_of(REQUEST, b"5", 1)))
    assert (request.target, length) == ("/v1/x", 7)
    request, _ = read_request(flipped(REQUEST, bit_of(REQUEST, b"x HTTP", 0)))
    assert request.target == "/v1/y"


def test_every_flip_of_a_head_is_read_or_refused() -> None:
    refused = 0
    for bit in range(8 * len(REQUEST)):
        try:
            read_request(flipped(REQUEST, bit))
        except HeadRefused:
            refused += 1
    assert 8 * len(REQUEST) > refused > len(REQUEST)  # the highest bit of each byte at least
    for bit in range(8 * len(REPLY)):
        try:
            read_reply(flipped(REPLY, bit), to_head=False)
        except HeadRefused:
            refused += 1


def test_a_client_makes_no_reply_of_an_interim_one() -> None:
    assert read_reply(b"HTTP/1.1 100 x\r\n\r\n", to_head=False) is None
    with pytest.raises(HeadRefused):
        read_reply(flipped(REPLY, 0), to_head=False)
