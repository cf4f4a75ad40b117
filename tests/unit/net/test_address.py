"""Addresses are read strictly and written so that they can be read again."""

import pytest

from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address
from shoal.net.address import format_address, parse_address


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [("127.0.0.1:9100", "127.0.0.1", 9100), ("node-1.rack_2:0", "node-1.rack_2", 0), ("[::1]:65535", "::1", 65535)],
)
def test_an_address_is_a_host_and_a_port(address: str, host: str, port: int) -> None:
    assert parse_address(Address(address)) == (host, port)


@pytest.mark.parametrize(
    "address", ["", ":1", "a:", "a", "::1:80", "a:65536", "a:+1", "a:1_0", "a:٣", "a:1\n", "a b:1", "[::1:80", "a/b:1"]
)
def test_anything_else_is_refused(address: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_address(Address(address))


@pytest.mark.parametrize("address", ["127.0.0.1:9100", "[::1]:80"])
def test_what_a_socket_says_reads_back(address: str) -> None:
    host, port = parse_address(Address(address))
    assert format_address((host, port)) == address


def test_a_socket_without_an_address_is_unknown() -> None:
    assert format_address(None) == "unknown"
