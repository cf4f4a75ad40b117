"""Where a process may listen."""

import ipaddress

from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address
from shoal.net.address import parse_address


def check_listen(listen: str, *, is_insecure: bool) -> None:
    """Beyond this machine only when the operator said that it may be: there is no TLS yet. Raises: InvalidArgument."""
    host, _ = parse_address(Address(listen))
    if is_insecure or host == "localhost":
        return
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise InvalidArgument(
            f"{host} is reachable from other machines and traffic is not encrypted yet;"
            " add --insecure if the network is trusted"
        )
