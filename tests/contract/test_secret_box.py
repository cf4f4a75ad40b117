"""`ports.secret_box.SecretBox`: a secret comes back to whoever has key and context, and to nobody else."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import AccessDenied
from shoal.ports.secret_box import SecretBox
from shoal.testing.sim.env import SeededSecrets
from shoal.wiring.secret_box import AesGcmBox

MakeBox = Callable[[int], SecretBox]
"""A box under the key-encryption key of this number."""

_RANDOM = random.Random(1)


def aes_gcm(number: int) -> SecretBox:
    return AesGcmBox(bytes([number]) * 32, SeededSecrets(_RANDOM))


HANDS: list[MakeBox] = [aes_gcm]
hands = pytest.mark.parametrize("make", HANDS, ids=lambda make: make.__name__)


@hands
@given(secret=st.binary(max_size=100), context=st.binary(max_size=70))
def test_a_secret_comes_back(make: MakeBox, secret: bytes, context: bytes) -> None:
    sealed = make(1).seal(secret, context=context)
    assert make(1).open(sealed, context=context) == secret


@hands
def test_the_sealed_bytes_do_not_show_the_secret(make: MakeBox) -> None:
    secret = b"a secret that is long enough"
    assert secret not in make(1).seal(secret, context=b"k")


@hands
def test_no_two_seals_are_the_same(make: MakeBox) -> None:
    box = make(1)
    assert len({box.seal(b"secret", context=b"k") for _ in range(100)}) == 100


@hands
def test_another_key_or_another_context_opens_nothing(make: MakeBox) -> None:
    sealed = make(1).seal(b"secret", context=b"key")
    with pytest.raises(AccessDenied):
        make(2).open(sealed, context=b"key")
    for context in (b"", b"ke", b"key2", b"KEY"):
        with pytest.raises(AccessDenied):
            make(1).open(sealed, context=context)


@hands
def test_no_changed_bit_goes_unnoticed(make: MakeBox) -> None:
    box = make(1)
    sealed = box.seal(b"secret", context=b"key")
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AccessDenied):
            box.open(bytes(changed), context=b"key")


@hands
def test_what_is_short_or_long_does_not_open(make: MakeBox) -> None:
    box = make(1)
    sealed = box.seal(b"secret", context=b"key")
    for wrong in (*(sealed[:size] for size in range(len(sealed))), sealed + b"\0", b"\x01" * 29, b"secret"):
        with pytest.raises(AccessDenied):
            box.open(wrong, context=b"key")
