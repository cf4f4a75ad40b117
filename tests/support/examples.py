"""Examples in docstrings, run as `python -m asyncio` would: `await` may stand anywhere."""

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
from types import CodeType
from typing import Any

_PARSER = doctest.DocTestParser()
_CHECKER = doctest.OutputChecker()
_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run_examples(docstring: str, names: dict[str, Any], runner: asyncio.Runner) -> int:
    """Run them one after the other with these names, and see that they print what they say. Returns their number."""
    examples = _PARSER.get_examples(inspect.cleandoc(docstring))
    for example in examples:
        code = compile(example.source, "example", "single", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            _run(code, names, runner)
        assert _CHECKER.check_output(example.want, printed.getvalue(), _OPTIONS), (example.source, printed.getvalue())
    return len(examples)


def _run(code: CodeType, names: dict[str, Any], runner: asyncio.Runner) -> None:
    result = eval(code, names)
    if inspect.isawaitable(result):
        runner.run(_awaited(result))


async def _awaited(result: Any) -> None:
    await result
