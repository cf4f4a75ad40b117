"""Where a process may listen, and under which address others find it."""

import ipaddress

from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address
from shoal.net.address import parse_address


def check_listen(listen: str, *, advertise: str | None, is_insecure: bool) -> None:
    """Beyond this machine only when the operator said that it may be: there is no TLS yet. Raises: InvalidArgument."""
    host, _ = parse_address(Address(listen))
    if advertise is not None:
        _check_advertise(advertise)
    check_door(listen, is_insecure=is_insecure)
    if advertise is None and _is_wildcard(host):
        raise InvalidArgument(f"{host} is no address that others could call; say with --advertise HOST:PORT which is")


def check_door(listen: str, *, is_insecure: bool) -> bool:
    """The same for a listener that nobody else is told of. Returns whether it serves this machine alone."""
    host, _ = parse_address(Address(listen))
    if not is_insecure and not _is_loopback(host):
        raise InvalidArgument(
            f"{host} is reachable from other machines and traffic is not encrypted yet;"
            " add --insecure if the network is trusted"
        )
    return _is_loopback(host)


def _check_advertise(advertise: str) -> None:
    host, port = parse_address(Address(advertise))
    if port == 0 or _is_wildcard(host):
        raise InvalidArgument(f"--advertise {advertise} is no address that others could call")


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    # Of `::ffff:127.0.0.1` Python thinks differently since 3.13; nobody needs that spelling.
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
