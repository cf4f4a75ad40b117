"""The audit: while a simulation runs, the clocks, the system's randomness and threads of the real world raise.

Only on the thread of the simulation; the test runner's own threads go on. What cannot be replaced (`datetime.now`, the
C core of an unseeded `random.Random()`) is left to the linter's ban list.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any

from shoal.testing.sim.failure import EscapedSimulation

_CLOCKS = ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep")
_DICE = (
    "random",
    "randint",
    "randrange",
    "randbytes",
    "getrandbits",
    "choice",
    "choices",
    "sample",
    "shuffle",
    "uniform",
    "expovariate",
    "gauss",
    "seed",
    "_urandom",  # what `secrets` and SystemRandom draw from: replacing os.urandom alone misses them
)
# By name: this module is where nothing of these may be used.
_WATCHED = (
    ("time", _CLOCKS),
    ("random", _DICE),
    ("os", ("urandom",)),
    ("threading.Thread", ("start",)),
)


def _guarded(name: str, original: Callable[..., Any], report: Callable[[EscapedSimulation], None]) -> Any:
    this_thread = resolve_name("threading.get_ident")
    watched = this_thread()

    def guard(*args: Any, **kwargs: Any) -> Any:
        if this_thread() != watched:
            return original(*args, **kwargs)
        escape = EscapedSimulation(f"{name} was called inside the simulation; it is to come from Env")
        report(escape)
        raise escape

    return guard


@contextmanager
def audit(report: Callable[[EscapedSimulation], None]) -> Iterator[None]:
    """Replace the doors to the real world; each use is reported (the caller may swallow what it raises) and raises."""
    saved: list[tuple[Any, str, Any]] = []
    try:
        for place, names in _WATCHED:
            owner = resolve_name(place)
            for name in names:
                original = getattr(owner, name)
                saved.append((owner, name, original))
                setattr(owner, name, _guarded(f"{place}.{name}", original, report))
        yield
    finally:
        for owner, name, original in saved:
            setattr(owner, name, original)
