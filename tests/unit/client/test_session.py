"""One session: its life, its numbers, and what protects its reads."""

import pytest

from shoal.base.errors import StaleEpoch
from shoal.base.ids import session_of
from shoal.base.units import SECOND
from shoal.formats.grant import grant_bytes
from shoal.model.cluster import MapDelta
from shoal.model.messages.sessions import SessionAlive
from support.client_parts import PUT_GRANT, parts


async def test_numbers_are_minted_once_and_results_kept_until_they_are_seen() -> None:
    async with parts() as made:
        session = made.session()
        assert session.mint_chunk() != session.mint_chunk()
        assert session_of(session.mint_chunk()) == session.id
        first, second = session.begin_sequence(), session.begin_sequence()
        session.end_sequence(second)
        assert session.done_below == first
        session.end_sequence(first)
        assert session.done_below == second + 1


async def test_an_open_lookup_holds_back_the_oldest_commit_that_is_needed() -> None:
    async with parts() as made:
        session = made.session()
        first = session.begin_lookup()
        session.saw_commit(9)
        second = session.begin_lookup()
        assert session.oldest_lookup == 1
        session.end_lookup(first)
        session.saw_commit(12)
        assert session.oldest_lookup == 9
        session.end_lookup(second)
        assert session.oldest_lookup == 12


async def test_an_old_answer_takes_no_commit_number_back() -> None:
    async with parts() as made:
        session = made.session()
        session.saw_commit(9)
        session.saw_commit(4)
        assert session.newest_commit == 9


async def test_a_renewal_brings_a_new_grant_and_time() -> None:
    async with parts() as made:
        session = made.session()
        assert grant_bytes(session.put_grant) == PUT_GRANT
        await made.clock.advance(15 * SECOND)
        alive = SessionAlive(put_grant=b"n" * 92, commit_number=5, delta=MapDelta())
        session.renewed(alive, asked_at=session.moment())
        await made.clock.advance(15 * SECOND)
        assert not session.is_overdue
        assert session.newest_commit == 5
        assert grant_bytes(session.put_grant) == b"n" * 92


async def test_a_session_unheard_for_its_time_to_live_is_overdue() -> None:
    async with parts() as made:
        session = made.session()
        await made.clock.advance(20 * SECOND - 1)
        assert not session.is_overdue
        await made.clock.advance(1)
        assert session.is_overdue


async def test_a_session_is_overdue_after_its_machine_slept() -> None:
    async with parts() as made:
        session = made.session()
        made.clock.step_wall(20 * SECOND)
        assert session.is_overdue


async def test_nothing_is_sent_under_a_session_that_is_over() -> None:
    async with parts() as made:
        session = made.session()
        session.check_living()
        session.is_lost = True
        with pytest.raises(StaleEpoch, match="send the data again"):
            session.check_living()
