"""What rests in rows and travels is an array: a field's place is its name. The golden file notices who moves one.

A change here changes what old rows and other processes say: a new field goes to the end, has a default that means
what its absence did, and the new line of the golden file is reviewed like a format. `support.model_samples` writes it.
"""

from pathlib import Path

import msgspec
import pytest

from shoal.formats import wire
from support.model_samples import ENUMS, SAMPLES, STRUCTS, record

GOLDEN = Path(__file__).parents[2] / "golden" / "model-v1.txt"
RECORDED = {line.split("(")[0].split(" ")[0]: line for line in GOLDEN.read_text().splitlines()}


@pytest.mark.parametrize("line", record().splitlines(), ids=lambda line: line.split("(")[0].split(" ")[0])
def test_the_layout_is_the_recorded_one(line: str) -> None:
    assert RECORDED.get(line.split("(")[0].split(" ")[0]) == line


def test_nothing_that_was_recorded_has_gone() -> None:
    assert sorted(RECORDED) == sorted(kind.__name__ for kind in (*STRUCTS, *ENUMS))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_the_recorded_bytes_are_read(sample: msgspec.Struct) -> None:
    data = bytes.fromhex(RECORDED[type(sample).__name__].rpartition(" ")[2])
    assert wire.decode(data, type(sample)) == sample


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_every_struct_is_a_frozen_array(kind: type[msgspec.Struct]) -> None:
    config = kind.__struct_config__
    assert config.array_like
    assert config.frozen
