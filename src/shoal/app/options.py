"""The options that every verb has which talks to a cluster."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec

import click

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Shared:
    """What was said about the cluster and about the output. None: the environment decides, then the default."""

    data: Path | None = None
    endpoint: str | None = None
    is_json: bool = False
    is_debug: bool = False
    is_quiet: bool = False


_OPTIONS = (
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Directory of the cluster: endpoints and credentials are read there. "
        "[default: $SHOAL_DATA, else ./shoal-data]",
    ),
    click.option(
        "--endpoint",
        metavar="HOST:PORT",
        help="Coordinator to ask, with the key in $SHOAL_KEY and $SHOAL_SECRET. [default: $SHOAL_ENDPOINT]",
    ),
    click.option(
        "--json", "is_json", is_flag=True, help="Print JSON: one document, or for lists one document per line."
    ),
    click.option("-q", "--quiet", "is_quiet", is_flag=True, help="Say nothing but errors."),
    click.option("--debug", "is_debug", is_flag=True, help="Log every event, and show where an error came from."),
)


def shared_options(run: Callable[Concatenate[Shared, P], None]) -> Callable[..., None]:
    """Give a verb these options; it gets them as one `Shared`, before its own arguments."""

    @functools.wraps(run)
    def command(
        *,
        data: Path | None,
        endpoint: str | None,
        is_json: bool,
        is_debug: bool,
        is_quiet: bool,
        **own: object,
    ) -> None:
        shared = Shared(data, endpoint, is_json=is_json, is_debug=is_debug, is_quiet=is_quiet)
        run(shared, **own)  # type: ignore[call-arg, arg-type]

    for option in reversed(_OPTIONS):
        option(command)
    return command
