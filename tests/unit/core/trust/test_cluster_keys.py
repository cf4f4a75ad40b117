"""Keys of a cluster: one secret, a key for each purpose and node, none of them another's."""

import hmac

import pytest

from shoal.base.errors import InvalidArgument
from shoal.base.ids import NodeId
from shoal.core.trust.cluster_keys import ClusterKeys

SECRET, OTHER = bytes(range(32)), bytes(range(1, 33))
A, B = NodeId("a" * 32), NodeId("b" * 32)


def all_keys(secret: bytes) -> list[bytes]:
    keys = ClusterKeys(secret)
    makers = (keys.node_key, keys.receipt_key, keys.seal_key)
    return [keys.grant_key, *[make(node) for make in makers for node in (A, B)]]


def test_every_key_is_another() -> None:
    every = all_keys(SECRET) + all_keys(OTHER)
    assert len(set(every)) == len(every) == 14
    assert all(len(key) == 32 and key not in (SECRET, OTHER) for key in every)


def test_the_same_secret_gives_the_same_keys() -> None:
    assert all_keys(SECRET) == all_keys(SECRET)


def test_keys_are_derived_as_the_protocol_says() -> None:
    assert ClusterKeys(SECRET).grant_key == hmac.digest(SECRET, b"shoal/1/grant\x00", "sha256")
    assert ClusterKeys(SECRET).node_key(A) == hmac.digest(SECRET, b"shoal/1/node\x00" + b"a" * 32, "sha256")
    assert ClusterKeys(SECRET).receipt_key(A) == hmac.digest(SECRET, b"shoal/1/receipt\x00" + b"a" * 32, "sha256")
    assert ClusterKeys(SECRET).seal_key(A) == hmac.digest(SECRET, b"shoal/1/seal\x00" + b"a" * 32, "sha256")


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_secret_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(InvalidArgument, match="32 bytes"):
        ClusterKeys(bytes(size))


def test_the_secret_is_not_told() -> None:
    assert SECRET.hex() not in repr(ClusterKeys(SECRET))
    assert str(SECRET) not in repr(ClusterKeys(SECRET))
