"""`shoal completion`."""

import shutil
import subprocess

import pytest

from support.command_line import Shoal


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_is_printed(shoal: Shoal, shell: str) -> None:
    told = shoal("completion", shell)
    assert told.code == 0
    assert "_SHOAL_COMPLETE" in told.out


def test_other_shells_are_refused_with_those_that_are_known(shoal: Shoal) -> None:
    told = shoal("completion", "csh")
    assert told.code == 2
    assert "'bash', 'zsh', 'fish'" in told.err


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_takes_the_script(shoal: Shoal) -> None:
    told = shoal("completion", "bash")
    ran = subprocess.run(["bash", "-n"], input=told.out, text=True, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
