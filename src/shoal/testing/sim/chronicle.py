"""What the clients of a simulated cluster did and saw, outside of all processes: it survives every crash.

Each write carries a tag of its own, in the version's metadata, so that a reader knows which write it has found, and
what bytes that must be. A key that is only overwritten and deleted is a register: it is checked at once against the
ledger, and at the end by a search for an order of all its operations.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from shoal.base.errors import ShoalError, check
from shoal.client.client import Client
from shoal.model.messages.objects import Name
from shoal.testing.sim.failure import SimulationFailed
from shoal.testing.sim.ledger import Ledger, LedgerBroken, Ticket
from shoal.testing.sim.linearizability import CompareAndSet, Operation, Read, Write, check_linearizable
from shoal.testing.sim.outcome import may_come_again
from shoal.testing.sim.version_book import VersionBook, VersionLost

TAG = "tag"
"""The name under which a version's metadata has its tag."""
COPIES = "copies"
"""The same of how many copies its user wanted; 0 or nothing are those of the cluster."""


HISTORY_MAX = 100
"""Operations on one key, but for those that were under way when it was reached."""


class WrongBytes(SimulationFailed):
    """A reader was given bytes that were never written under that version."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The moment at which a read was asked for."""

    called: int
    mark: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """A change of a register that was asked for."""

    key: str
    action: Write | CompareAndSet
    called: int
    ticket: Ticket


class Claim(Protocol):
    """What a user holds to be true of something that nobody else has."""

    def names(self) -> Sequence[Name]:
        """Versions that must be there at this moment."""
        ...

    async def read_back(self, client: Client) -> None:
        """Look at all of it, once nobody changes anything any more. Raises: SimulationFailed."""
        ...


class Chronicle:
    """I know what was asked, what was answered, and which bytes belong to which tag."""

    def __init__(self, now_ns: Callable[[], int], *, can_double: bool = True) -> None:
        """`can_double`: whether messages may come twice, long after they were answered."""
        self._now_ns = now_ns
        self._can_double = can_double
        self.ledger = Ledger()
        self.versions = VersionBook()
        self.counts: Counter[str] = Counter()
        """Operations that ended, by what they did and how they ended."""
        self.kept: dict[str, str | None] = {}
        """The tag, or nothing, that certain names must have now, because nobody is changing them."""
        self.claims: list[Claim] = []
        """What users hold to be true, besides."""
        self._file_ids: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._history: dict[str, list[Operation]] = {}
        self._open: dict[Ticket, Attempt] = {}

    @property
    def operations(self) -> int:
        """Operations that ended, well or not."""
        return self.counts.total()

    @property
    def acknowledged_count(self) -> int:
        """Puts that were acknowledged."""
        return self.versions.made_count

    def ended(self, what: str, how: str) -> None:
        """Count an operation."""
        self.counts[f"{what} {how}"] += 1

    def is_final(self, refusal: ShoalError) -> bool:
        """Whether what was refused so will not be done later either, because a copy of the message comes."""
        return not (self._can_double and may_come_again(refusal))

    # Contents.

    def mint(self, tag: str, size: int) -> bytes:
        """The bytes of a write with a tag of its own."""
        check(tag not in self._sizes, "a tag is used once", tag=tag)
        self._sizes[tag] = size
        return self.content(tag)

    def content(self, tag: str) -> bytes:
        """What every version with this tag must hold. Raises: WrongBytes if there is no such tag."""
        if tag not in self._sizes:
            raise WrongBytes(f"a version has the tag {tag!r}, which nobody wrote")
        return Random(tag).randbytes(self._sizes[tag])

    def check_bytes(self, tag: str, found: bytes, *, start: int, stop: int) -> None:
        """Raises: WrongBytes unless `found` is that part of the content."""
        wanted = self.content(tag)[start:stop]
        if found != wanted:
            at = next((at for at, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]), None)
            place = f"at byte {at}" if at is not None else f"in length: {len(found)} for {len(wanted)}"
            raise WrongBytes(f"{tag!r} from {start} to {stop} differs {place}")

    def check_size(self, tag: str, size: int) -> None:
        """Raises: WrongBytes unless the content has that size."""
        wanted = len(self.content(tag))
        if size != wanted:
            raise WrongBytes(f"{tag!r} is said to have {size} bytes, not {wanted}")

    def take_file_id(self, file_id: str, whose: str) -> None:
        """A new file has got this id. Raises: VersionLost if another one has had it."""
        if file_id in self._file_ids:
            raise VersionLost(f"{whose!r} was given the id of {self._file_ids[file_id]!r}")
        self._file_ids[file_id] = whose

    # Registers.

    def register(self, name: str) -> str:
        """The key that is the register `name` now: it gets another one when so much was done with its last that the
        search for an order would take long."""
        key, changes = name, 0
        while len(self._history.get(key, ())) >= HISTORY_MAX:
            changes += 1
            key = f"{name}.{changes}"
        return key

    def begin(self, key: str, action: Write | CompareAndSet) -> Attempt:
        """From now on readers may find what `action` writes; whoever dies waiting leaves it open for ever."""
        attempt = Attempt(key, action, self._now_ns(), self.ledger.begun(key, action.value))
        self._open[attempt.ticket] = attempt
        return attempt

    def done(self, attempt: Attempt) -> None:
        """It was acknowledged."""
        action = attempt.action
        if isinstance(action, CompareAndSet):
            action = CompareAndSet(action.expected, action.value, was_swapped=True)
        self.ledger.acknowledged(attempt.ticket)
        self._close(attempt, action)

    def refused(self, attempt: Attempt) -> None:
        """Its precondition did not hold, and it was surely not done."""
        check(isinstance(attempt.action, CompareAndSet), "only a condition can fail", key=attempt.key)
        self.ledger.refused(attempt.ticket)
        expected, value = getattr(attempt.action, "expected", None), attempt.action.value
        self._close(attempt, CompareAndSet(expected, value, was_swapped=False))

    def failed(self, attempt: Attempt) -> None:
        """It was surely not done, for a reason that says nothing of what is held."""
        self.ledger.refused(attempt.ticket)
        del self._open[attempt.ticket]

    def _close(self, attempt: Attempt, action: Write | CompareAndSet) -> None:
        del self._open[attempt.ticket]
        self._history.setdefault(attempt.key, []).append(Operation(action, attempt.called, self._now_ns()))

    def reading(self) -> Reading:
        """To be taken just before a read is asked for."""
        return Reading(self._now_ns(), self.ledger.mark)

    def read(self, key: str, tag: str | None, reading: Reading) -> None:
        """A read has found `tag`, or nothing. Raises: LedgerBroken."""
        operation = Operation(Read(tag), reading.called, self._now_ns())
        self._history.setdefault(key, []).append(operation)
        self.ledger.check_read(key, tag, since=reading.mark)

    def check_listed(self, listed: Sequence[str], names: Sequence[str], reading: Reading) -> None:
        """A list has shown `listed` of the registers `names`. Raises: LedgerBroken where that cannot be."""
        if list(listed) != sorted(set(listed)) or not set(listed) <= set(names):
            raise LedgerBroken(f"a list shows {listed}, of {names}")
        for name in names:
            allowed = self.ledger.allowed(name, since=reading.mark)
            if name in listed and not any(value is not None for value in allowed):
                raise LedgerBroken(f"{name!r} is listed, and nothing can be there")
            if name not in listed and None not in allowed:
                raise LedgerBroken(f"{name!r} is not listed, and is there")

    @property
    def registers(self) -> list[str]:
        """All keys that were used as registers."""
        return self.ledger.keys

    def check_order(self) -> None:
        """Raises: NotLinearizable if the operations on some register have no order."""
        for key in self.registers:
            pending = [Operation(each.action, each.called, None) for each in self._open.values() if each.key == key]
            check_linearizable(key, [*self._history.get(key, []), *pending])
