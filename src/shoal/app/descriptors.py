"""How many files and connections a process may have open."""

import contextlib
import resource


def raise_descriptor_limit() -> int:
    """As many as this process may allow itself; what holds now. Shells start programs with 1,024 for the sake of those
    that use `select`, which is less than the connections of a busy node."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS says "infinity" and means less; then the old limit stays
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard
    return soft
