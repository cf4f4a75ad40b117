"""Seals: version 1 is the only one."""

from shoal.formats.seal.v1 import SEAL_BYTES, Seal, open_seal, pack_seal, sign_seal, verify_seal

__all__ = ["SEAL_BYTES", "Seal", "open_seal", "pack_seal", "sign_seal", "verify_seal"]
