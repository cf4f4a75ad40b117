"""A numbered operation has a session and a number, for as long as it takes."""

from typing import cast

import pytest

from shoal.base.errors import StaleEpoch
from shoal.base.ids import SessionId
from shoal.base.units import HOUR
from shoal.client.numbered import numbered_operation
from shoal.client.session_keeper import SessionKeeper
from shoal.model.cluster import MapDelta
from shoal.model.messages.sessions import OpenSession, SessionOpened
from shoal.ports.catalog import Catalog
from support.client_parts import PUT_GRANT, Parts, parts


class Sessions:
    """A catalog that opens sessions, numbered from 1."""

    opened = 0

    async def open_session(self, message: OpenSession) -> SessionOpened:
        """See `Catalog`."""
        self.opened += 1
        return SessionOpened(
            session=SessionId(self.opened), ttl_ns=HOUR, put_grant=PUT_GRANT, commit_number=1, delta=MapDelta()
        )


def keeper_of(made: Parts) -> SessionKeeper:
    """A keeper over such a catalog."""
    return SessionKeeper(
        made.env,
        catalog=cast(Catalog, Sessions()),
        view=made.view,
        spawn=made.background.spawn,
        rotate_ns=HOUR,
        log=made.log,
    )


async def test_numbers_are_never_given_twice_and_kept_while_they_are_used() -> None:
    async with parts() as made:
        keeper = keeper_of(made)
        async with numbered_operation(keeper) as first, numbered_operation(keeper) as second:
            assert (first.session, second.session) == (1, 1)
            assert first.sequence < second.sequence
            async with keeper.operation() as session:
                assert session.done_below == first.sequence
        assert session.done_below > second.sequence


async def test_a_number_ends_with_a_failure_as_well() -> None:
    async with parts() as made:
        keeper = keeper_of(made)
        with pytest.raises(StaleEpoch):
            async with numbered_operation(keeper):
                raise StaleEpoch("the session is over")
        async with numbered_operation(keeper) as again:
            assert again.session == 2
