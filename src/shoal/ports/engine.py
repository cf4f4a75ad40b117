"""The metadata engine: one ordered, transactional key-value store.

Keys and values are bytes; byte order is the only order. A transaction is a synchronous, pure function of its `Tx`: it
may run more than once, so it has no effect outside. Transactions are serializable: one that read a row which another
changed before it committed runs again or fails. A commit is durable before `Engine.tx` returns.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from shoal.base.ids import WallNs

T = TypeVar("T")
Row = tuple[bytes, bytes]


class Snapshot(Protocol):
    """What a reader sees: the state after exactly `commit_number` commits."""

    @property
    def commit_number(self) -> int:
        """A snapshot with number n has every commit up to n and none above. In a transaction: the number that its own
        commit will have, if it writes."""
        ...

    def get(self, key: bytes) -> bytes | None: ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """One value or None per key, in the order of `keys`."""
        ...

    def scan(self, start: bytes, end: bytes, *, limit: int, reverse: bool = False) -> list[Row]:
        """Rows with start <= key < end, at most `limit`, ascending, or descending from the end if `reverse`."""
        ...


class Tx(Snapshot, Protocol):
    """A snapshot that can be written to; reads see the transaction's own writes."""

    def put(self, key: bytes, value: bytes) -> None: ...

    def delete(self, key: bytes) -> None:
        """Deleting what is not there is no error."""
        ...

    def stamp(self) -> WallNs:
        """The engine's hybrid logical clock: close to wall time, and greater than every stamp committed before,
        also when wall clocks jump back and across restarts. Each call of one transaction gives a greater one."""
        ...


class Engine(Protocol):
    """A metadata engine. Values of up to 1 MiB, keys of up to 2 KiB.

    Raises: StorageFull when there is no room for a commit: nothing of it was done, reads go on, and later ones are
    tried anew; FormatUnknown or ChecksumMismatch when a row is not what was written (never a wrong row); DiskFailed
    when the engine cannot go on: then the process must stop. Cancelling a call leaves its outcome unknown.
    """

    async def tx(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` and commit what it wrote; durable on return.

        An exception of `fn` rolls its own writes back, is raised here, and touches no other transaction of the group.
        """
        ...

    async def read(self, fn: Callable[[Snapshot], T]) -> T:
        """Run `fn` on a snapshot that has every transaction acknowledged before the call."""
        ...

    async def close(self) -> None: ...
