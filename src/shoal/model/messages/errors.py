"""How an error travels: its class, its sentence, its facts."""

import msgspec


class ErrorBody(msgspec.Struct, frozen=True, array_like=True):
    """`kind` is the name of a class in `base.errors`; facts are told as text."""

    kind: str
    sentence: str
    facts: dict[str, str] = {}
