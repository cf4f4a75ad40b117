"""Make `.venv` with Shoal and what it needs, from any Python 3 that happens to be called `python3`.

Only the standard library, and syntax that Python 3.6 can read: it must get far enough to say what is missing.
"""

import os
import subprocess
import sys

CANDIDATES = (sys.executable, "python3.13", "python3.12", "python3.11", "python3")
VENV = ".venv"
FIT_TO_MAKE = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
FIT_TO_KEEP = "import sys, pip; sys.exit(sys.version_info < (3, 11))"


def passes(python: str, probe: str) -> bool:
    """True if this interpreter starts and runs `probe` to a clean exit."""
    try:
        quiet = subprocess.DEVNULL
        return subprocess.run([python, "-c", probe], stdout=quiet, stderr=quiet, check=False).returncode == 0
    except OSError:
        return False


def run(*command: str) -> None:
    """Run quietly; show everything and stop if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace"))
        sys.exit("set-up failed: " + " ".join(command))


def main(what: str) -> None:
    """`what` is "runtime" (enough for `shoal`) or "dev" (checks and tests as well); leaves a stamp for make."""
    inside = os.path.join(VENV, "bin", "python")
    if not passes(inside, FIT_TO_KEEP):
        fit = next((python for python in CANDIDATES if passes(python, FIT_TO_MAKE)), None)
        if fit is None:
            sys.exit("Shoal needs Python 3.11 or newer with its venv module (on Debian: python3-venv).")
        run(fit, "-m", "venv", "--clear", VENV)
    run(inside, "-m", "pip", "install", "--quiet", "--editable", "." if what == "runtime" else ".[dev]")
    for stamp in {"runtime", what}:
        with open(os.path.join(VENV, stamp + ".stamp"), "w"):
            pass


if __name__ == "__main__":
    main(sys.argv[1])
