"""One request, read strictly: names of fields in any case, unknown ones ignored, none twice, `null` as if absent."""

import json
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from shoal.base.errors import InvalidArgument

_INTEGER_DIGITS_MAX = 18

T = TypeVar("T", str, int)


@dataclass(slots=True, kw_only=True)
class Request:
    """What was asked. Texts that were not said are empty; `data` is base64 as it came, there until it is taken."""

    command: str = ""
    file_name: str = ""
    block_id: str = ""
    data: str = ""
    file_size: int | None = None
    replicas: int | None = None
    after: str = ""
    auth: str = ""

    def take_data(self) -> str:
        """`data`, once: megabytes are not kept longer than they are needed."""
        data, self.data = self.data, ""
        return data

    def __repr__(self) -> str:
        return f"Request({self.command[:40]!r})"


_TEXTS = ("command", "file_name", "block_id", "data", "after", "auth")
_NUMBERS = ("file_size", "replicas")


def parse_request(value: bytes | bytearray) -> Request:
    """Read one JSON object. Raises: InvalidArgument; then what follows on the connection is not to be believed either.

    It may be called with any bytes, but is made for those that `ValueFraming` lets through: of bounded depth.
    """
    try:
        members = _DECODER.decode(value.decode())
    except UnicodeDecodeError as exc:
        raise InvalidArgument(f"malformed JSON: not UTF-8 at byte {exc.start}") from exc
    except json.JSONDecodeError as exc:
        raise InvalidArgument(f"malformed JSON: {exc.msg} at character {exc.pos}") from exc
    except RecursionError as exc:
        raise InvalidArgument("malformed JSON: nested too deep") from exc
    if not isinstance(members, dict):
        raise InvalidArgument("a request is a JSON object: it begins with '{'")
    return _request(members)


def _request(members: dict[str, object]) -> Request:
    known: dict[str, object] = {}
    for name, member in members.items():
        field = name.lower()
        if field not in _TEXTS and field not in _NUMBERS:
            continue
        if field in known:
            raise InvalidArgument(f"the field {field} stands twice")
        known[field] = member
    texts = {field: _typed(known, field, str, called="a string") or "" for field in _TEXTS}
    numbers = {field: _typed(known, field, int, called="an integer") for field in _NUMBERS}
    return Request(
        command=texts["command"],
        file_name=texts["file_name"],
        block_id=texts["block_id"],
        data=texts["data"],
        file_size=numbers["file_size"],
        replicas=numbers["replicas"],
        after=texts["after"],
        auth=texts["auth"],
    )


def _typed(known: dict[str, object], field: str, kind: type[T], *, called: str) -> T | None:
    value = known.get(field)
    if value is None:
        return None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidArgument(f"the field {field} must be {called}")
    return value


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidArgument("malformed JSON: a field stands twice")
    return members


def _integer(digits: str) -> int:
    if len(digits) > _INTEGER_DIGITS_MAX:
        raise InvalidArgument(f"malformed JSON: an integer of {len(digits):,} digits is too long")
    return int(digits)


def _no_number(name: str) -> NoReturn:
    raise InvalidArgument(f"malformed JSON: {name} is not a number that JSON has")


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_int=_integer, parse_constant=_no_number)
