"""`ports.secret_box.SecretBox` with AES-256-GCM (NIST SP 800-38D); docs/specs/catalog-rows.md has the layout."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shoal.base.env import Secrets
from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.wiring.cluster_files import KEK_BYTES

_VERSION = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16
SEALED_BYTES_EXTRA = len(_VERSION) + _NONCE_BYTES + _TAG_BYTES
"""What sealing adds to a secret."""


class AesGcmBox:
    """I seal secrets under one key-encryption key: version u8 | nonce 96 bits, random | ciphertext | tag 128 bits.

    The context is authenticated with it. Random nonces are safe for 2^32 secrets under one key.
    """

    def __init__(self, kek: bytes, secrets: Secrets) -> None:
        if len(kek) != KEK_BYTES:
            raise InvalidArgument(f"a key-encryption key has {KEK_BYTES} bytes", got_bytes=len(kek))
        self._cipher = AESGCM(kek)
        self._secrets = secrets

    def seal(self, secret: bytes, *, context: bytes) -> bytes:
        nonce = self._secrets.token(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret, context)

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if not sealed.startswith(_VERSION) or len(sealed) < SEALED_BYTES_EXTRA:
            raise AccessDenied("this is no sealed secret", got_bytes=len(sealed))
        try:
            return self._cipher.decrypt(nonce, rest, context)
        except InvalidTag as exc:
            raise AccessDenied("a sealed secret does not open: another key-encryption key, or another's") from exc
