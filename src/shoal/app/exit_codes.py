"""What the exit status of `shoal` says: who must act. One table for all verbs; scripts may rely on it."""

from enum import IntEnum

from shoal.base import errors


class ExitCode(IntEnum):
    """0 to 8 by Shoal; above 128 by a signal, as shells count them."""

    DONE = 0
    BUG = 1
    """An error that nobody foresaw; it says how to report it."""
    USAGE = 2
    """The command line, or a value in it, is wrong."""
    NOT_FOUND = 3
    DENIED = 4
    PRECONDITION = 5
    UNAVAILABLE = 6
    """The same command may succeed later."""
    CORRUPT = 7
    LOCAL_FAULT = 8
    """This machine failed: a disk, or an invariant."""
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141
    """Whoever read standard output has gone."""


EXIT_CODES: dict[type[errors.ShoalError], ExitCode] = {
    errors.CallerError: ExitCode.USAGE,
    errors.NotFound: ExitCode.NOT_FOUND,
    errors.AccessDenied: ExitCode.DENIED,
    errors.PreconditionFailed: ExitCode.PRECONDITION,
    errors.AlreadyExists: ExitCode.PRECONDITION,
    errors.TransientError: ExitCode.UNAVAILABLE,
    errors.CorruptionError: ExitCode.CORRUPT,
    errors.LocalFault: ExitCode.LOCAL_FAULT,
    errors.ShoalError: ExitCode.BUG,
}


def exit_code(error: errors.ShoalError) -> ExitCode:
    """The code of the nearest class that the table has."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)
