"""The layout of a sealed secret. What a box promises is in `tests/contract/test_secret_box.py`."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shoal.base.errors import InvalidArgument
from shoal.wiring.secret_box import SEALED_BYTES_EXTRA, AesGcmBox

KEK = bytes(range(32))


class CountedSecrets:
    """Bytes that are easy to recognise."""

    def token(self, size: int) -> bytes:
        return bytes(range(1, size + 1))


def test_the_layout_is_version_nonce_ciphertext_tag() -> None:
    sealed = AesGcmBox(KEK, CountedSecrets()).seal(b"secret", context=b"KEY")
    nonce = bytes(range(1, 13))
    assert sealed == b"\x01" + nonce + AESGCM(KEK).encrypt(nonce, b"secret", b"KEY")
    assert len(sealed) == len(b"secret") + SEALED_BYTES_EXTRA
    assert sealed.hex() == "010102030405060708090a0b0c768f39a789e0362cc73ab5448058a29a4ba1c410d8e3"


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(InvalidArgument, match="32 bytes"):
        AesGcmBox(bytes(size), CountedSecrets())


def test_a_box_does_not_show_its_key() -> None:
    assert KEK.hex() not in repr(AesGcmBox(KEK, CountedSecrets()))
