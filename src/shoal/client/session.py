"""One session of a client: its right to write, its numbers, and what protects its reads.

Chunk ids and sequence numbers are minted here and never twice.
"""

from shoal.base.env import Clock
from shoal.base.errors import StaleEpoch
from shoal.base.ids import ChunkId, Instant, SessionId, WallNs, mint_chunk_id
from shoal.client.background import Spawn
from shoal.client.session_calls import SessionCalls
from shoal.formats.grant import grant_text
from shoal.model.messages.sessions import SessionAlive, SessionOpened
from shoal.ports.catalog import Catalog


class Session:
    """I am one opened session. `active` operations keep me alive after I was replaced."""

    def __init__(self, opened: SessionOpened, *, clock: Clock, catalog: Catalog, spawn: Spawn) -> None:
        self.id: SessionId = opened.session
        self.scope = opened.scope
        """What the access key may do."""
        self.calls = SessionCalls(catalog, session=self.id, saw_commit=self.saw_commit, spawn=spawn)
        self.ttl_ns = opened.ttl_ns
        self.opened_at = clock.now()
        self.newest_commit = opened.commit_number
        self.active = 0
        self.is_lost = False
        """Its life is over, or its owner's: nothing more can be written under it."""
        self.put_grant = ""
        """As it stands in a header; empty if the access key may not write."""
        self._clock = clock
        self._heard_at = self.moment()
        self._next_chunk = 0
        self._next_sequence = 1
        self._open_sequences: dict[int, None] = {}
        self._open_lookups: dict[int, int] = {}
        self._next_lookup = 0
        self._take_grant(opened.put_grant)

    def _take_grant(self, grant: bytes) -> None:
        self.put_grant = grant_text(grant)

    # -- its life

    def moment(self) -> tuple[Instant, WallNs]:
        """Now, on both clocks."""
        return self._clock.now(), self._clock.wall()

    def renewed(self, alive: SessionAlive, *, asked_at: tuple[Instant, WallNs]) -> None:
        """A heartbeat was answered that was sent at this moment or later."""
        self._heard_at = asked_at
        self._take_grant(alive.put_grant)
        self.saw_commit(alive.commit_number)

    @property
    def is_overdue(self) -> bool:
        """Not heard of for its time to live, so perhaps dead. Wall time counts too: it goes on while a machine
        sleeps."""
        (now, wall), (heard_now, heard_wall) = self.moment(), self._heard_at
        return max(now - heard_now, wall - heard_wall) >= self.ttl_ns

    def check_living(self) -> None:
        """Raises: StaleEpoch if what is sent now could never be committed."""
        if self.is_lost:
            raise StaleEpoch("the session is over; send the data again", session=self.id)

    # -- its numbers

    def mint_chunk(self) -> ChunkId:
        """A chunk id (or manifest id) that nobody ever had."""
        self._next_chunk += 1
        return mint_chunk_id(self.id, self._next_chunk)

    def begin_sequence(self) -> int:
        """The number of the next mutating operation; its result is kept until `end_sequence`."""
        number = self._next_sequence
        self._next_sequence += 1
        self._open_sequences[number] = None
        return number

    def end_sequence(self, number: int) -> None:
        """The operation is over, its result was seen or given up."""
        self._open_sequences.pop(number, None)

    @property
    def done_below(self) -> int:
        """All operations with a lower number are over."""
        return next(iter(self._open_sequences), self._next_sequence)

    # -- its reads

    def begin_lookup(self) -> int:
        """From before a lookup is sent until `end_lookup`, nothing that its answer may name is removed."""
        self._next_lookup += 1
        self._open_lookups[self._next_lookup] = self.newest_commit
        return self._next_lookup

    def end_lookup(self, lookup: int) -> None:
        """The answer is not needed any more."""
        self._open_lookups.pop(lookup, None)

    @property
    def oldest_lookup(self) -> int:
        """The commit number that this session's reads still need."""
        return min(self._open_lookups.values(), default=self.newest_commit)

    def saw_commit(self, number: int) -> None:
        """An answer carried this commit number."""
        self.newest_commit = max(self.newest_commit, number)
