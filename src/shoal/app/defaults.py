"""Defaults and limits that help texts show; apart, because help must not load what the verbs need to run."""

DEFAULT_PORT_BASE = 9100
DEFAULT_GRPC = "127.0.0.1:9101"
NODES_MAX = 64
"""Nodes that `shoal up` starts at most."""
