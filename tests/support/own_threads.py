"""The threads that wiring starts, by name: all of them end with what they were started for."""

import threading

POOLS = ("catalog-writer", "shoal-cpu", "shoal-disk", "shoal-sync")
"""Not `shoal-stream`: whoever reads a pipe may wait for ever, so nobody waits for that thread."""


def own_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(POOLS)]
