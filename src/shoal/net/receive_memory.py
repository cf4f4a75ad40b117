"""Memory that the kernel writes into: one buffer for heads, and frames for bodies, used again once nobody holds them.

A fresh frame of 256 KiB costs the kernel 64 page faults, as much as receiving into it does. A frame belongs to its
reader for as long as the reader likes, and readers never say when they are done; but the interpreter knows: a frame
that only this pool refers to is free. Every memoryview of it, and every call that still works on it, is a reference.
"""

import sys

from shoal.base.units import KIB, MIB
from shoal.ports.link import FRAME_BYTES

RECEIVE_BYTES = 64 * KIB
"""Size of the buffer that all connections of a loop share while they wait for heads. What comes with a head is copied
out of it, and may have to wait: it bounds what a connection holds whose request is not read yet."""

_SMALL_BYTES = 64 * KIB
"""Up to this a buffer of the right size is cheaper than a frame that is mostly empty."""

POOL_BYTES = 16 * MIB
"""Frames kept; whoever needs more at a time gets fresh ones."""


class ReceiveMemory:
    """I lend receive buffers to the connections of one loop."""

    __slots__ = ("_frames", "_next", "_references_when_free", "room")

    def __init__(self) -> None:
        self.room = memoryview(bytearray(RECEIVE_BYTES))
        self._frames: list[bytearray] = [bytearray(FRAME_BYTES)]
        self._next = 0
        self._references_when_free = self._references(0)

    def _references(self, index: int) -> int:
        """Only differences count: how many references a call makes by itself is the interpreter's affair."""
        return sys.getrefcount(self._frames[index])

    def frame(self, size: int) -> memoryview:
        """A frame of `size` bytes, which may hold old bytes. It is the caller's while anything refers to it."""
        if size <= _SMALL_BYTES:
            return memoryview(bytearray(size))
        return memoryview(self._pooled())[:size]

    def _pooled(self) -> bytearray:
        for _ in range(len(self._frames)):
            self._next = (self._next + 1) % len(self._frames)
            if self._references(self._next) == self._references_when_free:
                return self._frames[self._next]
        fresh = bytearray(FRAME_BYTES)
        if len(self._frames) * FRAME_BYTES < POOL_BYTES:
            self._frames.append(fresh)
        return fresh
