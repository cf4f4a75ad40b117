"""Minting keys, and masking a new secret on its way to whoever asked for it."""

import random

import pytest

from shoal.base.errors import InvalidArgument
from shoal.core.trust.new_keys import NEW_SECRET_BYTES, mask_secret, mint_key_id, secret_text
from shoal.core.trust.signing import NODE_KEY_PREFIX, Credential
from shoal.testing.sim.env import SeededSecrets

RAW = bytes(range(NEW_SECRET_BYTES))


def test_an_id_and_a_secret_make_a_credential() -> None:
    secrets = SeededSecrets(random.Random(1))
    ids = {mint_key_id(secrets) for _ in range(100)}
    assert len(ids) == 100
    for key_id in ids:
        assert Credential(key_id, secret_text(RAW).encode()).key_id == key_id
        assert not key_id.startswith(NODE_KEY_PREFIX)
    assert bytes.fromhex(secret_text(RAW)) == RAW


def test_only_the_callers_secret_and_the_keys_id_take_the_mask_off() -> None:
    masked = mask_secret(RAW, key_id="NEW", caller_secret=b"caller")
    assert mask_secret(masked, key_id="NEW", caller_secret=b"caller") == RAW
    for key_id, secret in (("NEW", b"other"), ("OTHER", b"caller"), ("NEW", b"")):
        assert mask_secret(masked, key_id=key_id, caller_secret=secret) != RAW


def test_a_mask_covers_every_byte() -> None:
    masks = [mask_secret(bytes(NEW_SECRET_BYTES), key_id=f"{number}", caller_secret=b"c") for number in range(64)]
    assert len(set(masks)) == 64
    assert all(len({mask[at] for mask in masks}) > 1 for at in range(NEW_SECRET_BYTES))


def test_the_mask_is_the_one_of_the_protocol() -> None:
    mask = mask_secret(bytes(NEW_SECRET_BYTES), key_id="SHOAL0", caller_secret=b"secret")
    assert mask.hex() == "af82d2e367cb84722bb0b2d3702e1259e4053f2a136bb9d022dd76488909bb60"


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_secret_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(InvalidArgument):
        mask_secret(bytes(size), key_id="NEW", caller_secret=b"caller")
