"""What operators say of a door becomes an address; the doors themselves are tried with real processes."""

import pytest

from shoal.wiring.jsonl import JsonlDoor, jsonl_address


@pytest.mark.parametrize(
    ("said", "address"),
    [
        (":9000", "127.0.0.1:9000"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("[::1]:9", "[::1]:9"),
        ("example.org:1", "example.org:1"),
    ],
)
def test_a_port_alone_is_of_this_machine(said: str, address: str) -> None:
    assert jsonl_address(said) == address
    assert JsonlDoor(said).listen == address
