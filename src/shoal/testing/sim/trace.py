"""The trace of a run: what ran when, as one digest. Two runs of a seed are the same run if their digests agree."""

import hashlib
from collections import deque
from collections.abc import Sequence

TAIL_ENTRIES = 200


class Trace:
    """I digest (virtual ns, label) of every step, and remember the last ones for whoever reads a failure.

    Labels are names, never representations: an address in one would differ between processes.
    """

    def __init__(self, *, keep_all: bool = False) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self._entries: deque[str] = deque(maxlen=None if keep_all else TAIL_ENTRIES)
        self.step_count = 0

    def record(self, now_ns: int, label: str) -> None:
        """Add one step."""
        entry = f"{now_ns}:{label}"
        self._digest.update(entry.encode())
        self._digest.update(b"\n")
        self._entries.append(entry)
        self.step_count += 1

    def hexdigest(self) -> str:
        """The digest of all steps so far."""
        return self._digest.hexdigest()

    @property
    def entries(self) -> list[str]:
        """The newest steps, oldest first; all of them if asked to keep them."""
        return list(self._entries)


def first_divergence(one: Sequence[str], other: Sequence[str]) -> str | None:
    """Where two whole traces part, in words; None if they do not."""
    for step, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return f"step {step}: {left!r} against {right!r}"
    if len(one) == len(other):
        return None
    shorter, longer = sorted((one, other), key=len)
    return f"one trace ends after {len(shorter)} steps, the other goes on with {longer[len(shorter)]!r}"
