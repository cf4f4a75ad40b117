"""These tests are many and small."""

from support.own_garbage import pytest_runtest_protocol

__all__ = ["pytest_runtest_protocol"]
