"""A refusal is a result too: what was refused once stays refused, whenever another copy of it comes.

A change is sent again while nobody answers, and the first copy of it may be kept back on its way until the second has
been refused: because the object exists, say. If the object is then deleted, the first copy would find that nothing is
in its way any more, and do what its caller was told is not done. So a refusal leaves a row, as a result does.
Source: Lee et al., "Implementing Linearizability at Large Scale and Low Latency" (SOSP 2015).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shoal.base.errors import AlreadyExists, NotFound, PreconditionFailed, check
from shoal.base.ids import SessionId, WallNs
from shoal.core.catalog.results import keep_refusal
from shoal.ports.engine import Row, Tx

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer of a transaction that is durable and refuses: whoever ran it raises `error`."""

    error: NotFound | AlreadyExists | PreconditionFailed


def do_or_refuse(tx: Tx, session: SessionId, sequence: int, *, do: Callable[[Tx], T]) -> T | Refused:
    """What `do` answers; or why the state of the catalog did not allow it, which holds for this operation from now on.

    `do` is once by itself and finds kept refusals (`find_result`). It checks before it writes.
    """
    watched = _WatchedTx(tx)
    try:
        return do(watched)
    except (NotFound, AlreadyExists, PreconditionFailed) as exc:
        check(not watched.has_written, "an operation was refused after it had written", session=session)
        keep_refusal(tx, session, sequence, error=exc)
        return Refused(exc)


class _WatchedTx:
    """A transaction that knows whether anything was written."""

    __slots__ = ("_tx", "has_written")

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.has_written = False

    @property
    def commit_number(self) -> int:
        return self._tx.commit_number

    def get(self, key: bytes) -> bytes | None:
        return self._tx.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return self._tx.get_many(keys)

    def scan(self, start: bytes, end: bytes, *, limit: int, reverse: bool = False) -> list[Row]:
        return self._tx.scan(start, end, limit=limit, reverse=reverse)

    def put(self, key: bytes, value: bytes) -> None:
        self.has_written = True
        self._tx.put(key, value)

    def delete(self, key: bytes) -> None:
        self.has_written = True
        self._tx.delete(key)

    def stamp(self) -> WallNs:
        return self._tx.stamp()
