"""Errors, sorted by who must act.

`CallerError`: the caller mends the request and never retries it as it is. `TransientError`: the same request may be
sent again later. `CorruptionError`: somebody quarantines and repairs. `LocalFault`: this process stops.
Facts are fields (`exc.facts`), the sentence comes with them; a face translates classes, never texts.
"""

from typing import Any


class ShoalError(Exception):
    """Base of everything that Shoal raises on purpose."""

    def __init__(self, sentence: str, /, **facts: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.facts = facts

    def __str__(self) -> str:
        return self.sentence


class CallerError(ShoalError):
    """The request is wrong; sending it again cannot help."""


class NotFound(CallerError):
    """The named bucket, object, version or replica does not exist."""


class AlreadyExists(CallerError):
    """The name or address is taken by something else."""


class PreconditionFailed(CallerError):
    """A condition that the caller set does not hold; nothing was changed."""


class AccessDenied(CallerError):
    """The credentials, grant or receipt are missing, forged, foreign or too weak."""


class InvalidArgument(CallerError):
    """A value is outside what the call accepts; the sentence says what would be accepted."""


class TransientError(ShoalError):
    """The same request may succeed later."""


class NodeUnreachable(TransientError):
    """No byte of the request was accepted: it was surely not done."""


class OutcomeUnknown(TransientError):
    """The connection ended after the request was sent: it may have been done."""


class DeadlineExceeded(TransientError):
    """The deadline passed; the request may have been done."""


class QuorumNotReached(TransientError):
    """Fewer nodes than needed took part."""


class Throttled(TransientError):
    """A limit is reached; try again later."""


class StorageFull(TransientError):
    """The volume has reached its reserve; reads and deletes go on."""


class StaleEpoch(TransientError):
    """The session, lease or map that the caller acts under is over; take a new one and try again."""


class CorruptionError(ShoalError):
    """Stored bytes are not what was written."""


class ChecksumMismatch(CorruptionError):
    """Bytes do not match the checksum that was recorded when they were written."""


class ManifestDamaged(CorruptionError):
    """Catalog rows contradict themselves or each other."""


class FormatUnknown(CorruptionError):
    """Magic or version is not one that this release reads."""


class LocalFault(ShoalError):
    """This process cannot go on safely."""


class DiskFailed(LocalFault):
    """The disk refused a write or a sync: nothing after it may be acknowledged."""


class InvariantBroken(LocalFault):
    """A bug: the machine stops and keeps its evidence."""


def check(cond: object, why: str, /, **facts: Any) -> None:
    """Raise InvariantBroken unless `cond` holds; unlike `assert` it stays under `python -O`."""
    if not cond:
        raise InvariantBroken(why, **facts)
