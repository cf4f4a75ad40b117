"""Seals: version 1 is the only one."""

from shoal.formats.seal.v1 import (
    SEAL_BYTES,
    Seal,
    bind_seal,
    check_bound,
    open_seal,
    pack_seal,
    put_words,
    sign_seal,
    verify_seal,
)

__all__ = [
    "SEAL_BYTES",
    "Seal",
    "bind_seal",
    "check_bound",
    "open_seal",
    "pack_seal",
    "put_words",
    "sign_seal",
    "verify_seal",
]
