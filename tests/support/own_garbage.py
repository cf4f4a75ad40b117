"""A test looks for its own garbage only. Simulations collect it several times each, and would go through all that
pytest knows of thousands of tests: that took longer than the tests."""

import gc
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """For small tests: what they leave behind is not collected before the last one of the directory."""
    gc.freeze()
    try:
        return (yield)
    finally:
        gc.unfreeze()
        if nextitem is None or nextitem.path.parent != item.path.parent:
            gc.collect()
