"""Where gRPC is served: as was said, or at the default, with the port of PORT if nothing was said.

PORT is the variable of a service whose users Shoal takes over. It moves this one port and nothing else.
"""

import os
import re

import click

from shoal.app.value_types import OFF
from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address

VARIABLE = "PORT"
_PORT = re.compile(r"[0-9]{1,5}")


def grpc_address(said: str | None, *, default: str) -> Address | None:
    """`said`, else `default` with the port of PORT, of which standard error is told; None if it is off.

    Raises: InvalidArgument for a PORT that is none.
    """
    if said is not None:
        return None if said == OFF else Address(said)
    port = os.environ.get(VARIABLE)
    if not port:
        return Address(default)
    if _PORT.fullmatch(port) is None or int(port) > 65535:
        raise InvalidArgument(f"{VARIABLE} is {port[:20]!a}, which is no port for gRPC; unset it, or use --grpc")
    click.echo(f"{VARIABLE}={port} moves gRPC to port {port}, and nothing else", err=True)
    return Address(f"{default.rpartition(':')[0]}:{port}")
