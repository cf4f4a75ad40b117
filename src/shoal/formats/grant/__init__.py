"""Grants: version 1 is the only one."""

from shoal.formats.grant.v1 import Grant, GrantKind, grant_bytes, grant_text, open_grant, seal_grant

__all__ = ["Grant", "GrantKind", "grant_bytes", "grant_text", "open_grant", "seal_grant"]
