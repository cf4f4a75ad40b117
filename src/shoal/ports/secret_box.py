"""Secrets at rest: sealed under a key-encryption key that lies apart from them."""

from typing import Protocol


class SecretBox(Protocol):
    """Authenticated encryption of short secrets under one key-encryption key."""

    def seal(self, secret: bytes, *, context: bytes) -> bytes:
        """Seal `secret` for whoever names the same `context`. Twice the same secret gives different bytes."""
        ...

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        """The secret again. Raises: AccessDenied if it was sealed under another key-encryption key or for another
        context, or is not what `seal` gave."""
        ...
