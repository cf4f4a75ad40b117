"""What people and programs get to read."""

import pytest

from shoal.app import output
from shoal.base.ids import WallNs
from shoal.core.names import ObjectName
from shoal.model.catalog import Bucket
from support.fake_client import made_at, make_version, version_id


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert output.shown("a\nb\x1b[31m\x7fü日\u202e") == "a\\nb\\x1b[31m\\x7fü日\\u202e"


def test_object_of_another_bucket_is_shown_with_it() -> None:
    assert output.shown_object(ObjectName("default", "a/b")) == "a/b"
    assert output.shown_object(ObjectName("other", "a/b")) == "shoal://other/a/b"


def test_columns_are_as_wide_as_they_must_be(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("NAME", ">SIZE", "NOTE"), [("a", "10 B", ""), ("long name", "1 B", "x")])
    assert capsys.readouterr().out == "NAME       SIZE  NOTE\na          10 B\nlong name   1 B  x\n"


def test_no_colour_where_nobody_sees_it(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("STATE",), [("up",), ("down",)])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environ", "is_coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_terminal_has_colours_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], is_coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert output.has_colours() is is_coloured


def test_times_are_utc() -> None:
    moment = WallNs(1_760_000_000_123_456_789)
    assert output.time_text(moment) == "2025-10-09 08:53:20"
    assert output.json_time(moment) == "2025-10-09T08:53:20.123456Z"


def test_document_of_a_version_is_plain_json(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json(output.version_document(ObjectName("default", "ü"), make_version(1, size=5)))
    told = capsys.readouterr().out
    assert told.startswith('{"bucket": "default", "key": "ü", "version": "0199b2f0-')
    assert told.count("\n") == 1


def test_version_may_be_absent() -> None:
    assert output.optional_version(None) is None
    assert output.optional_version(version_id(1)) == "0199b2f0-0000-7000-8000-000000000001"


def test_rate_of_an_instant_is_a_number() -> None:
    assert output.transfer_text(1 << 20, 0.5) == "1.0 MiB in 0.50 s (2.0 MiB/s)"
    assert output.transfer_text(0, 0.0) == "0 B in 0.00 s (0 B/s)"


def test_new_name_is_told_with_the_old_one() -> None:
    source, target = ObjectName("default", "a\n"), ObjectName("album", "b")
    version = make_version(1, size=5)
    line = "a\\n  to shoal://album/b  version 0199b2f0-0000-7000-8000-000000000001  5 B"
    assert output.renamed_text(source, target, version) == line
    assert output.renamed_document(source, target, version)["source"] == {"bucket": "default", "key": "a\n"}


def test_bucket_document_says_whether_it_keeps_versions() -> None:
    assert output.bucket_document(Bucket("album", made_at(0), is_versioned=False)) == {
        "bucket": "album",
        "created": "2025-10-09T08:53:20.000000Z",
        "is_versioned": False,
    }


def test_count_has_its_plural() -> None:
    assert [output.count_text(count, "file") for count in (0, 1, 2000)] == ["0 files", "1 file", "2,000 files"]
