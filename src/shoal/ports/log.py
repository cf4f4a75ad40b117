"""Structured log: an event in the past tense and fields from the glossary; no formatted sentences, no secrets."""

from typing import Protocol


class Log(Protocol):
    """Where drivers tell what happened. Machines return facts and never log."""

    def debug(self, event: str, **fields: object) -> None: ...

    def info(self, event: str, **fields: object) -> None: ...

    def warning(self, event: str, **fields: object) -> None: ...

    def error(self, event: str, **fields: object) -> None: ...

    def bind(self, **fields: object) -> "Log":
        """The same log, with these fields on every line."""
        ...
