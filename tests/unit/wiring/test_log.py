"""A line an event, and no value that looks like another field."""

import io
import re

import pytest

from shoal.wiring.log import Level, StreamLog


def lines_of(stream: io.StringIO) -> list[str]:
    """The lines without their stamps."""
    lines = stream.getvalue().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line) for line in lines)
    return [line[25:] for line in lines]


def test_event_and_fields_make_a_line() -> None:
    stream = io.StringIO()
    StreamLog(stream=stream).info("replica_stored", node="node-1", size=7, digest=b"\x01\xff")
    assert lines_of(stream) == ["info replica_stored node=node-1 size=7 digest=01ff"]


def test_only_what_matters_enough_is_shown() -> None:
    stream = io.StringIO()
    log = StreamLog(level=Level.WARNING, stream=stream)
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d")
    assert lines_of(stream) == ["warning c", "error d"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a b", '"a b"'),
        ("a=b", '"a=b"'),
        ('say "x"', '"say \\"x\\""'),
        ("line\nerror forged", '"line\\nerror forged"'),
        ("", '""'),
        ("\x1b[31m", '"\\u001b[31m"'),
        ("ü", '"\\u00fc"'),
    ],
)
def test_value_cannot_look_like_another_field_or_line(value: str, shown: str) -> None:
    stream = io.StringIO()
    StreamLog(stream=stream).info("x", why=value)
    assert lines_of(stream) == [f"info x why={shown}"]


def test_bound_fields_stand_on_every_line() -> None:
    stream = io.StringIO()
    log = StreamLog(stream=stream, fields={"process": "node-1"}).bind(chunk="c")
    log.info("x", size=1)
    assert lines_of(stream) == ["info x process=node-1 chunk=c size=1"]


def test_without_a_stream_it_is_standard_error_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    log = StreamLog()
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    log.info("x")
    assert lines_of(stream) == ["info x"]
