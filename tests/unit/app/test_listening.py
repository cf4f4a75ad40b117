"""Where a process may listen, and what it may say of it."""

import pytest

from shoal.app.listening import check_door, check_listen
from shoal.base.errors import InvalidArgument


@pytest.mark.parametrize("listen", ["127.0.0.1:9100", "127.8.9.10:0", "[::1]:9100", "localhost:9100"])
def test_this_machine_may_always_be_served(listen: str) -> None:
    check_listen(listen, advertise=None, is_insecure=False)


@pytest.mark.parametrize(
    "listen",
    [
        *("0.0.0.0:9100", "[::]:9100", "10.0.0.1:1", "192.168.1.1:1", "example.org:1", "localhost.example.org:1"),
        *("127.1:9100", "0x7f000001:1", "2130706433:1", "[::ffff:10.0.0.1]:1", "[::ffff:127.0.0.1]:1", "[fe80::1]:1"),
    ],
)
def test_others_are_served_only_when_the_operator_says_so(listen: str) -> None:
    with pytest.raises(InvalidArgument, match="--insecure"):
        check_listen(listen, advertise="10.0.0.1:1", is_insecure=False)
    check_listen(listen, advertise="10.0.0.1:1", is_insecure=True)


@pytest.mark.parametrize("listen", ["", "9100", ":9100", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "::1:9100"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(InvalidArgument, match="is not an address"):
        check_listen(listen, advertise=None, is_insecure=True)


@pytest.mark.parametrize("listen", ["0.0.0.0:9100", "[::]:9100"])
def test_an_address_that_nobody_can_call_is_not_told_to_others(listen: str) -> None:
    with pytest.raises(InvalidArgument, match="--advertise HOST:PORT"):
        check_listen(listen, advertise=None, is_insecure=True)


@pytest.mark.parametrize("advertise", ["0.0.0.0:9100", "[::]:1", "10.0.0.1:0", "10.0.0.1", "http://a:1", ""])
def test_neither_is_one_that_the_operator_wrote(advertise: str) -> None:
    with pytest.raises(InvalidArgument):
        check_listen("127.0.0.1:0", advertise=advertise, is_insecure=False)


def test_a_door_tells_whether_it_serves_this_machine_alone() -> None:
    assert check_door("127.0.0.1:9000", is_insecure=False)
    assert check_door("localhost:0", is_insecure=True)
    assert not check_door("0.0.0.0:9000", is_insecure=True)
    with pytest.raises(InvalidArgument, match="--insecure"):
        check_door("0.0.0.0:9000", is_insecure=False)
