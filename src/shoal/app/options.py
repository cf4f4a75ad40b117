"""The options that every verb has which talks to a cluster."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import click

from shoal.app.manner import note_debug
from shoal.app.setting import setting
from shoal.app.value_types import DURATION, SIZE

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Shared:
    """What was said about the cluster, the client and the output. None: nothing was said anywhere, and the default of
    whoever asks holds."""

    data: Path | None = None
    endpoint: str | None = None
    patience_ns: int | None = None
    chunks_in_flight: int | None = None
    bytes_in_flight: int | None = None
    is_json: bool = False
    is_debug: bool = False
    is_quiet: bool = False


_OPTIONS = (
    setting("--data", type=click.Path(path_type=Path), metavar="DIR", show_default="./shoal-data",
            help="Directory of the cluster: endpoints and credentials are read there."),
    setting("--endpoint", metavar="HOST:PORT",
            help="Coordinator to ask, with the key in $SHOAL_KEY and $SHOAL_SECRET."),
    setting("--patience", "patience_ns", type=DURATION, show_default="30s; 5s to look",
            help="How long to wait for a cluster that does not answer."),
    setting("--chunks-in-flight", "chunks_in_flight", type=click.IntRange(1, 1024), hidden=True, show_default="32",
            help="Chunks of one put or get that travel at a time, at most."),
    setting("--bytes-in-flight", "bytes_in_flight", type=SIZE, hidden=True, show_default="32MiB",
            help="Bytes of one put or get that travel at a time; two chunks, however large, always may."),
    click.option("--json", "is_json", is_flag=True,
                 help="Print JSON: one document, or for lists one document per line."),
    setting("-q", "--quiet/--no-quiet", "is_quiet", help="Say nothing but errors."),
    setting("--debug/--no-debug", "is_debug", callback=note_debug,
            help="Log every event, and show where an error came from."),
)  # fmt: skip


def shared_options(run: Callable[Concatenate[Shared, P], None]) -> Callable[..., None]:
    """Give a verb these options; it gets them as one `Shared`, before its own arguments."""

    @functools.wraps(run)
    def command(**chosen: Any) -> None:
        context = click.get_current_context()
        said = {name: chosen.pop(name) for name in Shared.__dataclass_fields__}
        said |= dict.fromkeys(yielding(context, said))
        run(Shared(**said), **chosen)  # type: ignore[call-arg]

    for option in reversed(_OPTIONS):
        option(command)
    return command


def yielding(context: click.Context, said: Mapping[str, object]) -> set[str]:
    """Which of `data` and `endpoint` does not count, if one must yield to the other: that of the weaker source, so that
    `--data` beats SHOAL_ENDPOINT, and SHOAL_DATA an endpoint in the file. From one source, the directory yields."""
    if said["data"] is None or said["endpoint"] is None:
        return set()
    data, endpoint = (context.get_parameter_source(name) for name in ("data", "endpoint"))
    if data is None or endpoint is None:
        return set()
    return {"endpoint" if data < endpoint else "data"}
