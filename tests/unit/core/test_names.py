"""What things may be called."""

import pytest

from shoal.base.errors import InvalidArgument
from shoal.core.names import (
    ObjectName,
    check_bucket,
    check_key,
    check_prefix,
    decode_key,
    parse_bucket,
    parse_prefix,
    parse_target,
)


@pytest.mark.parametrize(
    "key",
    [
        *("a", "..", "../x", "/x", "a//b", "a/../b", "./x", "x/", " ", "a b", "-", "\n", "%2e%2e", "s3://b/k"),
        *("x" * 1024, "é" * 512, "é", "e\u0301", "\U0010ffff"),
    ],
)
def test_any_text_is_an_ordinary_name(key: str) -> None:
    assert check_key(key) == key
    assert decode_key(key.encode()) == key


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "empty"),
        ("x" * 1025, "1,025 bytes is too long; it has at most 1,024"),
        ("é" * 513, "1,026 bytes is too long"),
        ("a\0b", r"'a\\x00b' has a NUL"),
        ("a\udcff", r"'a\\udcff' is not valid UTF-8"),
    ],
)
def test_other_names_are_refused_with_the_reason(key: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        check_key(key)


@pytest.mark.parametrize("raw", [b"\xff", b"\xc0\xaf", b"a\xed\xa0\x80", b"\xfe"])
def test_bytes_that_are_not_text_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidArgument, match="not valid UTF-8"):
        decode_key(raw)


def test_sentence_about_a_name_is_plain_ascii_and_short() -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_key("\x1b[2J\0" + "é" * 300)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


def test_empty_prefix_is_the_beginning_of_all() -> None:
    assert check_prefix("") == ""
    with pytest.raises(InvalidArgument, match="NUL"):
        check_prefix("a\0")


@pytest.mark.parametrize("name", ["abc", "a-b", "a.b.c", "0a9", "1.2.3", "1.2.3.4.5", "1.2.3.x", "a" * 63, "default"])
def test_bucket_names_that_s3_takes(name: str) -> None:
    assert check_bucket(name) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "3 to 63"),
        ("ab", "3 to 63"),
        ("a" * 64, "3 to 63"),
        ("Abc", "lower-case"),
        ("a_b", "lower-case"),
        ("-ab", "first and last"),
        ("ab-", "first and last"),
        ("ab.", "first and last"),
        (".sys", "first and last"),
        ("abc\n", "lower-case"),
        ("a/../b", "lower-case"),
        ("a\\b", "lower-case"),
        ("a\0b", "lower-case"),
        ("été", "lower-case"),
        ("١٢٣", "lower-case"),
        ("a..b", "two dots"),
        ("192.168.5.4", "IP address"),
    ],
)
def test_other_bucket_names_are_refused_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        check_bucket(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("file.txt", ("default", "file.txt")),
        ("dir/file", ("default", "dir/file")),
        ("/etc/passwd", ("default", "/etc/passwd")),
        ("shoal://photos/2024/a.jpg", ("photos", "2024/a.jpg")),
        ("shoal://photos//x", ("photos", "/x")),
        ("shoal://photos/../x", ("photos", "../x")),
        ("shoal:/x", ("default", "shoal:/x")),
        ("SHOAL://photos/x", ("default", "SHOAL://photos/x")),
        ("shoal://photos/a%20b?c#d", ("photos", "a%20b?c#d")),
    ],
)
def test_target_is_read(text: str, name: tuple[str, str]) -> None:
    assert parse_target(text) == ObjectName(*name)


def test_bare_name_goes_to_the_bucket_that_the_caller_says() -> None:
    assert parse_target("x", default_bucket="photos") == ObjectName("photos", "x")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("shoal://photos", "names no object; write shoal://BUCKET/KEY"),
        ("shoal://photos/", "names no object"),
        ("shoal:///x", "3 to 63"),
        ("shoal://Photos/x", "lower-case"),
        ("shoal://photos/a\0", "NUL"),
        ("x" * 1025, "too long"),
    ],
)
def test_other_targets_are_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        parse_target(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", ("default", "")),
        ("logs/", ("default", "logs/")),
        ("shoal://photos", ("photos", "")),
        ("shoal://photos/", ("photos", "")),
        ("shoal://photos/2024/", ("photos", "2024/")),
    ],
)
def test_prefix_may_be_empty(text: str, name: tuple[str, str]) -> None:
    assert parse_prefix(text) == ObjectName(*name)


def test_prefix_of_a_bad_bucket_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        parse_prefix("shoal://..")


@pytest.mark.parametrize("text", ["album", "shoal://album", "shoal://album/"])
def test_bucket_is_read_with_and_without_its_scheme(text: str) -> None:
    assert parse_bucket(text) == "album"


@pytest.mark.parametrize("text", ["", "album/", "shoal://", "shoal://album/a", "shoal://album//"])
def test_what_names_more_or_less_than_a_bucket_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot be a bucket"):
        parse_bucket(text)
