"""Limits that cannot work are refused when they are made."""

from dataclasses import fields

import pytest

from shoal.base.errors import InvalidArgument
from shoal.net.settings import LinkSettings


@pytest.mark.parametrize("name", [field.name for field in fields(LinkSettings)])
@pytest.mark.parametrize("value", [0, -1])
def test_every_limit_must_be_positive(name: str, value: int) -> None:
    with pytest.raises(InvalidArgument, match=name):
        LinkSettings(**{name: value})


def test_a_client_must_give_up_a_connection_before_the_server_does() -> None:
    with pytest.raises(InvalidArgument, match="pool_idle_ns"):
        LinkSettings(pool_idle_ns=60, idle_ns=60)


def test_no_more_connections_can_be_idle_than_can_exist() -> None:
    with pytest.raises(InvalidArgument, match="pool_idle_max"):
        LinkSettings(pool_idle_max=3, pool_connections_max=2)
