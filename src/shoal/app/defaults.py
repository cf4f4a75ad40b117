"""Defaults that help texts show; apart, because help must not load what the verbs need to run."""

DEFAULT_PORT_BASE = 9100
