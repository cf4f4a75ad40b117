"""A word is read, refused in one sentence, and written so that it can be read again."""

import click
import pytest

from shoal.app.value_types import ADDRESS, CHUNK_BYTES, COPIES, DURATION, SIZE, Parsed
from shoal.base.units import DAY, MIB, MILLISECOND, SECOND


@pytest.mark.parametrize(
    ("kind", "word", "value", "again"),
    [
        (ADDRESS, "127.0.0.1:9100", "127.0.0.1:9100", "127.0.0.1:9100"),
        (CHUNK_BYTES, "8MiB", 8 * MIB, "8388608"),
        (COPIES, "auto", 0, "auto"),
        (COPIES, "3", 3, "3"),
        (SIZE, "1.5KiB", 1536, "1536"),
        (SIZE, "3MiB", 3 * MIB, "3072KiB"),
        (SIZE, "512TiB", 1 << 49, f"{1 << 39}KiB"),
        (DURATION, "2s", 2 * SECOND, "2s"),
        (DURATION, "1500ms", 1500 * MILLISECOND, "1500ms"),
        (DURATION, "365d", 365 * DAY, "31536000s"),
    ],
)
def test_a_word_is_read_and_written_again(kind: Parsed, word: str, value: object, again: str) -> None:
    assert kind.convert(word, None, None) == value
    assert kind.convert(value, None, None) == value
    assert kind.text(value) == again
    assert kind.convert(again, None, None) == value


@pytest.mark.parametrize(
    ("kind", "word", "sentence"),
    [
        (ADDRESS, "nowhere", "is not an address"),
        (CHUNK_BYTES, "1GiB", "512"),
        (CHUNK_BYTES, "0", "not possible"),
        (COPIES, "17", "1 to 16"),
        (COPIES, "", "1 to 16"),
        (SIZE, "0", "1 B to"),
        (SIZE, "-1", "is not a size"),
        (SIZE, "9999999TiB", "1 B to 512TiB"),
        (DURATION, "0s", "1ms to 365d"),
        (DURATION, "366d", "1ms to 365d"),
        (DURATION, "5", "is not a length of time"),
    ],
)
def test_what_cannot_be_is_refused(kind: Parsed, word: str, sentence: str) -> None:
    with pytest.raises(click.BadParameter, match=sentence):
        kind.convert(word, None, None)
