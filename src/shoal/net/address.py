"""`host:port` as sockets want it."""

import re

from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address

_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z._-]+)):([0-9]{1,5})")


def parse_address(address: Address) -> tuple[str, int]:
    """Host and port; an IPv6 address stands in brackets. Raises: InvalidArgument."""
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[3]) > 65535:
        raise InvalidArgument(f"{address[:80]!r} is not an address; write host:port, for example 127.0.0.1:9100")
    return match[1] or match[2], int(match[3])


def format_address(sockname: object) -> Address:
    """The address that `getsockname` or `getpeername` gave."""
    match sockname:
        case (str(host), int(port), *_):
            return Address(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return Address("unknown")
