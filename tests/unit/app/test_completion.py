"""What a shell is answered when it asks."""

import pytest

from shoal.app.cli import cli, main
from shoal.app.completion import SHELLS, answered, script


@pytest.mark.parametrize("shell", SHELLS)
def test_script_calls_back(shell: str) -> None:
    assert f"_SHOAL_COMPLETE={shell}_complete" in script(cli, shell)


@pytest.mark.parametrize(
    ("words", "at", "expected"),
    [
        ("shoal ver", 1, {"versions"}),
        ("shoal un", 1, {"undelete"}),
        ("shoal put --if", 2, {"--if-absent", "--if-version"}),
        ("shoal key ", 2, {"create", "list", "revoke"}),
        ("shoal completion z", 2, {"zsh"}),
        ("shoal nothing --x", 2, set()),
    ],
)
def test_verbs_and_options_are_completed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: str, at: int, expected: set[str]
) -> None:
    monkeypatch.setenv("_SHOAL_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(at))
    assert main([]) == 0
    assert {line.rpartition(",")[2] for line in capfd.readouterr().out.split()} == expected


def test_other_runs_are_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answered(cli) is None
    monkeypatch.setenv("_SHOAL_COMPLETE", "nonsense_complete")
    assert answered(cli) == 1


@pytest.mark.parametrize("words", ["shoal put pho", "shoal put -r pho", "shoal get photo.jpg pho"])
def test_files_are_left_to_the_shell(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: str
) -> None:
    monkeypatch.setenv("_SHOAL_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert main([]) == 0
    assert capfd.readouterr().out == "file,pho\n"
