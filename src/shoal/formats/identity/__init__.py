"""The identity file of a node: version 1 is the only one."""

from shoal.formats.identity.v1 import NodeIdentity, pack_identity, unpack_identity

__all__ = ["NodeIdentity", "pack_identity", "unpack_identity"]
