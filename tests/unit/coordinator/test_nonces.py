"""A nonce is good once while its signature holds, and memory stays bounded."""

import pytest

from shoal.base.errors import AccessDenied, Throttled
from shoal.base.ids import WallNs
from shoal.coordinator.nonces import NonceMemory


def test_a_call_comes_once() -> None:
    memory = NonceMemory(10)
    memory.remember("a", until_ns=100, wall=WallNs(0))
    memory.remember("b", until_ns=100, wall=WallNs(0))
    with pytest.raises(AccessDenied):
        memory.remember("a", until_ns=100, wall=WallNs(50))


def test_memory_is_bounded_and_frees_itself_with_time() -> None:
    memory = NonceMemory(2)
    memory.remember("a", until_ns=100, wall=WallNs(0))
    memory.remember("b", until_ns=200, wall=WallNs(0))
    with pytest.raises(Throttled):
        memory.remember("c", until_ns=300, wall=WallNs(100))
    memory.remember("c", until_ns=300, wall=WallNs(101))
    with pytest.raises(AccessDenied):
        memory.remember("b", until_ns=200, wall=WallNs(101))
