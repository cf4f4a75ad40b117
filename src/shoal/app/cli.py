"""The `shoal` command: finds the verb, runs it, and turns what it raises into one line and an exit code.

A verb is a module with a click command called `command`. It is imported only when it is used, and it imports what it
needs to run (asyncio, the wiring) only when it runs: so help answers at once.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import click

from shoal import __version__
from shoal.app.completion import answered
from shoal.app.exit_codes import ExitCode, exit_code
from shoal.app.manner import Manner
from shoal.app.setting import CONFIG_VARIABLE
from shoal.app.verb_group import Verb, VerbGroup
from shoal.base.errors import ShoalError

FILES, BY_ID, CLUSTER, SHELL = "Files", "Files by id (bucket filestore)", "Clusters", "Shells"

VERBS = (
    Verb("put", "Store a file, or what comes from standard input.", FILES),
    Verb("get", "Fetch an object, or one version of it.", FILES),
    Verb("cat", "Write objects to standard output.", FILES),
    Verb("ls", "List names.", FILES),
    Verb("stat", "Show what is known of an object.", FILES),
    Verb("versions", "List all versions of an object, newest first.", FILES),
    Verb("rm", "Delete an object, or one version for good.", FILES),
    Verb("undelete", "Bring a deleted object back.", FILES),
    Verb("restore", "Make a former version current again.", FILES),
    Verb("cp", "Copy an object; no bytes are sent.", FILES),
    Verb("mv", "Give an object another name.", FILES),
    Verb("du", "Count objects, versions and their bytes.", FILES),
    Verb("mb", "Make a bucket.", FILES),
    Verb("rb", "Remove an empty bucket.", FILES),
    Verb("upload", "Store a file under a file id.", BY_ID),
    Verb("list", "List files by age, newest first.", BY_ID),
    Verb("info", "Show what is known of a file.", BY_ID),
    Verb("download", "Fetch a file by its id.", BY_ID),
    Verb("delete", "Delete a file and all its versions for good.", BY_ID),
    Verb("status", "Show how the cluster is; fails unless all nodes are up.", CLUSTER),
    Verb("nodes", "List the nodes.", CLUSTER),
    Verb("key", "Make, list and revoke access keys.", CLUSTER),
    Verb("up", "Start a cluster on this machine.", CLUSTER),
    Verb("sim", "Hunt for bugs in simulated clusters, from seeds.", CLUSTER),
    Verb("demo", "See a cluster of processes lose a node and no byte.", CLUSTER),
    Verb("coordinator", "Run one coordinator by hand.", CLUSTER),
    Verb("node", "Run one node by hand.", CLUSTER),
    Verb("config", "Show every setting and where its value came from.", CLUSTER),
    Verb("gateway", "Serve gRPC by hand: the file service, and admin.", CLUSTER),
    Verb("completion", "Print what makes a shell complete verbs and options.", SHELL),
)
MODULES = "shoal.app.verbs"


@click.group(
    cls=VerbGroup,
    verbs=VERBS,
    modules=MODULES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "A NAME is a key in bucket `default`; shoal://BUCKET/KEY names any other. "
        "Options come after the verb, --config before it. "
        "Exit status: 2 usage, 3 not found, 4 denied, 5 precondition, 6 unavailable, 7 corrupt, 8 local fault."
    ),
)
@click.version_option(__version__, prog_name="shoal", message="%(prog)s %(version)s")
@click.option("--config", type=click.Path(path_type=Path), envvar=CONFIG_VARIABLE, metavar="FILE",
              help="Read settings from FILE. [default: $SHOAL_CONFIG, else ./shoal.toml if it is there]")  # fmt: skip
def cli(*, config: Path | None) -> None:
    """Shoal: a distributed file store. `shoal VERB --help` tells more of each."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line. Returns the exit status; all that went wrong was told on standard error in one line.

    A bug, which is everything that nobody foresaw, is raised: the interpreter then tells it by `_tell_bug`.
    """
    manner = Manner()
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments), manner)
    except click.ClickException as error:
        return _tell_usage(error)
    except (ShoalError, OSError) as error:
        if manner.is_debug:
            traceback.print_exc()
        return _tell(error)
    except KeyboardInterrupt:
        _say("interrupted")
        return ExitCode.INTERRUPTED
    except BaseException:
        if not manner.is_debug:
            sys.excepthook = _tell_bug
        raise


def _run(words: list[str], manner: Manner) -> int:
    """What `cli.main` does, with none of its own ways to end the process."""
    if (status := answered(cli)) is not None:
        return status
    try:
        with cli.make_context("shoal", words, obj=manner) as context:
            cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    sys.stdout.flush()
    return ExitCode.DONE


def _tell_usage(error: click.ClickException) -> ExitCode:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return ExitCode.USAGE
    context = getattr(error, "ctx", None)
    where = f" (see `{context.command_path} --help`)" if context else ""
    _say(f"{error.format_message()}{where}")
    return ExitCode.USAGE


def _tell(error: ShoalError | OSError) -> ExitCode:
    match error:
        case BrokenPipeError():
            # The interpreter flushes standard output once more at its end, and must find somebody who takes it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return ExitCode.OUTPUT_CLOSED
        case OSError():
            _say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
            return ExitCode.LOCAL_FAULT
        case _:
            _say(error.sentence)
            return exit_code(error)


def _tell_bug(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    _say(f"this is a bug: {kind.__name__}: {error} (add --debug to see where it happened)")


def _say(sentence: str) -> None:
    sys.stderr.write(f"shoal: {' '.join(sentence.split())}\n")
