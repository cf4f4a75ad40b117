"""What travels between client, coordinator and nodes (docs/specs/internal-protocol.md)."""
