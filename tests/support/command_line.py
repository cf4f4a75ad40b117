"""What a command line came to."""

import json
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Told:
    """How a verb ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[Any]:
        """The JSON documents on standard output, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Shoal(Protocol):
    """Runs one command line."""

    def __call__(self, *words: str) -> Told: ...
