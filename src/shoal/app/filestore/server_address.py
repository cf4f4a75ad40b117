"""SERVER_ADDR: the file service that the file verbs ask instead of a cluster.

It is the variable of a service whose users Shoal takes over, and means nothing to other verbs.
"""

import os
from collections.abc import Mapping

import click
from click.core import ParameterSource

from shoal.app.listening import check_door
from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.base.ids import Address
from shoal.core.trust.signing import Credential
from shoal.gateway.credentials import parse_credential
from shoal.net.address import parse_address

VARIABLE = "SERVER_ADDR"
_CLUSTERS = ("data", "endpoint")


def server_address(environ: Mapping[str, str] = os.environ) -> Address | None:
    """What SERVER_ADDR says; `:PORT` is of this machine. None: it says nothing, or a flag of this command line names a
    cluster. Raises: InvalidArgument."""
    said = environ.get(VARIABLE)
    context = click.get_current_context(silent=True)
    if not said or (context is not None and _names_cluster(context)):
        return None
    address = Address(f"127.0.0.1{said}" if said.startswith(":") else said)
    try:
        parse_address(address)
    except InvalidArgument as exc:
        raise InvalidArgument(f"{VARIABLE}: {exc.sentence}") from exc
    return address


def _names_cluster(context: click.Context) -> bool:
    return any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in _CLUSTERS)


def server_credential(environ: Mapping[str, str] = os.environ) -> Credential | None:
    """The key in SHOAL_KEY and SHOAL_SECRET; None without them. Raises: AccessDenied (one without the other),
    InvalidArgument."""
    key, secret = environ.get("SHOAL_KEY"), environ.get("SHOAL_SECRET")
    if not key and not secret:
        return None
    if not key or not secret:
        raise AccessDenied("a key is two variables: set both SHOAL_KEY and SHOAL_SECRET, or neither")
    try:
        return parse_credential(f"{key}:{secret}")
    except InvalidArgument as exc:
        raise InvalidArgument(f"SHOAL_KEY and SHOAL_SECRET: {exc.sentence}") from exc


def warn_of_readable_key(address: Address) -> None:
    """Tell standard error that a key leaves this machine, if it does: there is no TLS yet."""
    if not check_door(address, is_insecure=True):
        click.echo(f"SHOAL_KEY and SHOAL_SECRET travel to {address} readable: the network must be trusted", err=True)
