"""Minting access keys, and handing a new secret to the one who asked for it.

Control calls are signed, not encrypted. So that nobody who listens learns a secret, the 32 random bytes of a new one
travel masked: XOR with HMAC-SHA256 under the secret of the caller's own key over the id of the new key. An id is never
given out twice, so no mask covers two secrets.
"""

import hmac

from shoal.base.env import Secrets
from shoal.base.errors import InvalidArgument

NEW_SECRET_BYTES = 32
_KEY_ID_PREFIX = "SHOAL"
_KEY_ID_BYTES = 10


def mint_key_id(secrets: Secrets) -> str:
    """An id that no key has had: 80 random bits, known as ours by how it begins."""
    return f"{_KEY_ID_PREFIX}{secrets.token(_KEY_ID_BYTES).hex().upper()}"


def secret_text(raw: bytes) -> str:
    """The secret as its owner keeps it, and whose bytes sign."""
    return raw.hex()


def mask_secret(raw: bytes, *, key_id: str, caller_secret: bytes) -> bytes:
    """Mask the 32 bytes of a new secret, or unmask them again. Raises: InvalidArgument for another length."""
    if len(raw) != NEW_SECRET_BYTES:
        raise InvalidArgument(f"a new secret has {NEW_SECRET_BYTES} bytes", got_bytes=len(raw))
    mask = hmac.digest(caller_secret, b"shoal-new-key-1\n" + key_id.encode(), "sha256")
    return bytes([left ^ right for left, right in zip(raw, mask, strict=True)])
