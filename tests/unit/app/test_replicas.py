"""How `--replicas` is read."""

import pytest

from shoal.app.replicas import parse_replicas
from shoal.base.errors import InvalidArgument


@pytest.mark.parametrize(("text", "copies"), [("auto", 0), ("1", 1), ("3", 3), ("16", 16)])
def test_a_number_of_copies_is_read(text: str, copies: int) -> None:
    assert parse_replicas(text) == copies


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "+1", "17", "100", "016", "00117", "1_0", " 3", "3\n", "٣", "²", "AUTO", "1e1"]
)
def test_any_other_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="it is auto, or a number from 1 to 16"):
        parse_replicas(text)
