"""Runs the shell scripts that use the file verbs."""

import os
import shlex
import subprocess
from pathlib import Path

from support.processes import SHOAL, LocalProcesses

SCRIPTS = Path(__file__).parent.parent / "cluster" / "filestore"


def by_grpc(cluster: LocalProcesses) -> dict[str, str]:
    """The environment of a client that knows nothing but SERVER_ADDR."""
    assert cluster.grpc is not None
    return {"SERVER_ADDR": cluster.grpc}


def natively(cluster: LocalProcesses) -> dict[str, str]:
    """The environment of a client of the cluster itself."""
    return {"SHOAL_DATA": str(cluster.data)}


def run(script: str, environ: dict[str, str], *, seconds: float = 110, **variables: int) -> str:
    """What a script says, which must succeed."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SHOAL_", "SERVER_"))}
    environ = inherited | {"SHOAL": shlex.join(SHOAL)} | environ
    environ |= {name: str(value) for name, value in variables.items()}
    done = subprocess.run(
        ["bash", SCRIPTS / script], env=environ, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout
