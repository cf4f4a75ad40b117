"""Doors as options name them."""

import click
import pytest

from shoal.app.doors import DOOR, node_doors, opened_at
from shoal.base.errors import InvalidArgument


@pytest.mark.parametrize("said", [":9000", "127.0.0.1:9000", "localhost:0", "[::1]:9000"])
def test_a_door_keeps_the_words_of_its_operator_and_serves_this_machine_without_keys(said: str) -> None:
    door = opened_at(DOOR.convert(said, None, None), is_insecure=False, block_bytes=8)
    assert door is not None
    assert (door.said, door.needs_auth, door.placing.block_bytes) == (said, False, 8)
    assert door.placing.selector == "round-robin"


@pytest.mark.parametrize("said", ["", "9000", ":", ":x", ":99999", "a b:1", "::1:9000"])
def test_what_is_no_address_is_refused(said: str) -> None:
    with pytest.raises(click.BadParameter, match="is not an address"):
        DOOR.convert(said, None, None)


@pytest.mark.parametrize("said", ["0.0.0.0:9000", "[::]:9000", "192.168.1.1:1", "example.org:1"])
def test_beyond_this_machine_only_if_told_so_and_then_with_keys(said: str) -> None:
    with pytest.raises(InvalidArgument, match="--insecure"):
        opened_at(said, is_insecure=False)
    door = opened_at(said, is_insecure=True)
    assert door is not None
    assert door.needs_auth


def test_nobody_asked_for_a_door() -> None:
    assert opened_at(None, is_insecure=False) is None


def test_nodes_have_doors_in_a_row() -> None:
    assert node_doors(":9001", 3) == (":9001", ":9002", ":9003")
    assert node_doors("[::1]:9001", 2) == ("[::1]:9001", "[::1]:9002")
    assert node_doors("localhost:0", 2) == ("localhost:0", "localhost:0")
    assert node_doors(":65533", 3)[-1] == ":65535"
    with pytest.raises(InvalidArgument, match="no room"):
        node_doors(":65534", 3)
