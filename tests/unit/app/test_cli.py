"""One line and one exit code for whatever goes wrong; help that imports nothing heavy."""

import os
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from shoal import __version__
from shoal.app import cli
from shoal.app.manner import note_debug
from shoal.app.verb_group import VerbGroup
from shoal.base.errors import NotFound

LIGHT_VERBS = ("put", "get", "cat", "ls", "stat", "rm", "versions", "undelete", "restore", "cp", "mv", "du", "mb", "rb",
               "status", "nodes", "completion", "up", "coordinator", "node", "config",
               "upload", "list", "info", "download", "delete")  # fmt: skip
HEAVY = {"asyncio", "rich", "msgspec", "awscrt", "httptools", "apsw"}


@pytest.fixture
def raises(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException]]:
    """The verb `ls` raises the error that is put in this list."""
    errors: list[BaseException] = []

    def command(debug: bool) -> None:
        raise errors[0]

    verb = click.command()(click.option("--debug", is_flag=True, callback=note_debug)(command))
    monkeypatch.setattr(VerbGroup, "get_command", lambda self, ctx, name: verb)
    hook = sys.excepthook
    yield errors
    sys.excepthook = hook


def test_every_verb_of_the_table_is_a_command_with_help() -> None:
    context = click.Context(cli.cli, info_name="shoal")
    for verb in cli.VERBS:
        command = cli.cli.get_command(context, verb.name)
        assert command is not None
        assert command.name == verb.name
        assert command.help


def test_help_lists_all_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"\n  {verb.name} " in told and verb.summary in told for verb in cli.VERBS)


@pytest.mark.parametrize("words", [["--help"], *([verb, "--help"] for verb in LIGHT_VERBS)])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    probe = (
        "import sys; from shoal.app.cli import main; code = main(sys.argv[1:]); "
        f"sys.stderr.write(' '.join({HEAVY!r}.intersection(sys.modules))); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", probe, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"shoal {__version__}\n"


@pytest.mark.parametrize("words", [["nope"], ["--nope"], ["put"], ["ls", "--nope"], ["get", "a", "b", "c"]])
def test_wrong_usage_is_one_line_that_names_the_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("shoal: ")
    assert told.err.count("\n") == 1
    assert "--help`" in told.err


def test_no_arguments_shows_help_and_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "Usage: shoal" in capsys.readouterr().err


def test_error_is_one_line_and_its_code(raises: list[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    raises.append(NotFound("there is no\nobject"))
    assert cli.main(["ls"]) == 3
    assert capsys.readouterr().err == "shoal: there is no object\n"


def test_debug_shows_where_it_came_from(raises: list[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    raises.append(NotFound("gone"))
    assert cli.main(["ls", "--debug"]) == 3
    told = capsys.readouterr().err
    assert told.startswith("Traceback")
    assert told.endswith("shoal: gone\n")


def test_error_of_the_system_is_a_local_fault(raises: list[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    raises.append(PermissionError(13, "Permission denied", "x/y"))
    assert cli.main(["ls"]) == 8
    assert capsys.readouterr().err == "shoal: x/y: Permission denied\n"


def test_interruption_ends_with_130(raises: list[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    raises.append(KeyboardInterrupt())
    assert cli.main(["ls"]) == 130
    assert capsys.readouterr().err == "shoal: interrupted\n"


def test_bug_is_called_one_in_one_line(raises: list[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    bug = ZeroDivisionError("division by zero")
    raises.append(bug)
    with pytest.raises(ZeroDivisionError):
        cli.main(["ls"])
    sys.excepthook(ZeroDivisionError, bug, None)
    told = capsys.readouterr().err
    assert told.startswith("shoal: this is a bug: ZeroDivisionError: division by zero")
    assert told.count("\n") == 1


def test_bug_keeps_its_traceback_with_debug(raises: list[BaseException]) -> None:
    hook = sys.excepthook
    raises.append(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli.main(["ls", "--debug"])
    assert sys.excepthook is hook


def test_reader_that_has_gone_is_not_mentioned() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        command = [sys.executable, "-m", "shoal", "--help"]
        done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")
