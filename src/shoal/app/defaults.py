"""Defaults and limits that help texts show; apart, because help must not load what the verbs need to run."""

DEFAULT_PORT_BASE = 9100
NODES_MAX = 64
"""Nodes that `shoal up` starts at most."""
