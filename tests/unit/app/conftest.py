"""Tests of the command line see no settings but their own."""

import os

import pytest


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SHOAL_") or name == "SERVER_ADDR"]:
        monkeypatch.delenv(name)
