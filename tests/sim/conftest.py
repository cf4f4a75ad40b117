"""After a planned crash, or a bug that was planted and found, there are coroutines that nobody will ever await: they go
quietly, and with the test that left them, so that no later test is blamed."""

import gc
import sys
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _what_a_crash_leaves(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if not any(word in request.path.name for word in ("crash", "cluster", "found_faults", "restored", "moved")):
        return
    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
    finally:
        sys.unraisablehook = before
