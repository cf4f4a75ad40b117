"""One sample of every struct of the model that rests in rows or travels, each field with a value of its own.

`PYTHONPATH=tests python -m support.model_samples > tests/golden/model-v1.txt` records them anew.
"""

import importlib
import itertools
import pkgutil
import types
import typing
from collections.abc import Iterator
from enum import IntEnum
from types import ModuleType

import msgspec

import shoal.model
from shoal.formats import wire

MODULES: tuple[ModuleType, ...] = tuple(
    importlib.import_module(found.name)
    for found in sorted(pkgutil.walk_packages(shoal.model.__path__, "shoal.model."), key=lambda found: found.name)
)


def own_classes(module: ModuleType) -> Iterator[type]:
    """The classes that a module defines, in its order."""
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield value


def sample_of(kind: type[msgspec.Struct], numbers: Iterator[int]) -> msgspec.Struct:
    """A `kind` whose fields, those of structs in it included, get their values from `numbers`."""
    hints = typing.get_type_hints(kind)
    return kind(**{name: _value(hints[name], numbers) for name in kind.__struct_fields__})


def _value(kind: typing.Any, numbers: Iterator[int]) -> object:
    kind = getattr(kind, "__supertype__", kind)
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) in (types.UnionType, typing.Union):  # only with None
        return _value(arguments[0], numbers)
    if arguments and typing.get_origin(kind) is tuple:
        return (_value(arguments[0], numbers),)
    if arguments and typing.get_origin(kind) is dict:
        return {_value(arguments[0], numbers): _value(arguments[1], numbers)}
    if issubclass(kind, msgspec.Struct):
        return sample_of(kind, numbers)
    number = next(numbers)
    if issubclass(kind, IntEnum):
        return list(kind)[number % len(kind)]
    plain: dict[type, object] = {int: number, bool: bool(number % 2), str: f"s{number}", bytes: b"b%d" % number}
    return plain[kind]


STRUCTS: tuple[type[msgspec.Struct], ...] = tuple(
    kind for module in MODULES for kind in own_classes(module) if issubclass(kind, msgspec.Struct)
)
ENUMS: tuple[type[IntEnum], ...] = tuple(
    kind for module in MODULES for kind in own_classes(module) if issubclass(kind, IntEnum)
)
SAMPLES: tuple[msgspec.Struct, ...] = tuple(sample_of(kind, itertools.count(1)) for kind in STRUCTS)


def record() -> str:
    """A line for each: fields (or members) in their order, and the bytes of its sample."""
    structs = [
        f"{type(sample).__name__}({' '.join(sample.__struct_fields__)}) {wire.encode(sample).hex()}"
        for sample in SAMPLES
    ]
    enums = [f"{kind.__name__} {' '.join(f'{each.name}={each.value}' for each in kind)}" for kind in ENUMS]
    return "\n".join([*structs, *enums, ""])


if __name__ == "__main__":
    print(record(), end="")  # noqa: T201
