"""A setting is one thing under one name, and the nearest word about it counts."""

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from shoal.app.cli import cli, main
from shoal.app.setting import Setting, known_settings, loaded_config, setting, settings_of
from shoal.app.value_types import SIZE

OF_ONE_CALL = {
    "--bucket": "what a key is made for",
    "--chunks": "how much of an object is shown",
    "--config": "says where settings are",
    "--content-type": "what one object is",
    "--copies": "of one file; for all there is `filestore-copies`",
    "--delimiter": "what is listed",
    "--expires": "what a key is made for",
    "--if-absent": "a condition on one change",
    "--if-version": "a condition on one change",
    "--json": "the form of one output: a script that does not ask for it must not get it",
    "--limit": "how much of a listing is shown",
    "--long": "how much of a listing is shown",
    "--name": "what a key is made for",
    "--no-versions": "what one bucket is",
    "--range": "what is fetched",
    "--recursive": "whether one name is a tree",
    "--scope": "what a key is made for",
    "--size": "the file of one demonstration",
    "--skip": "how much of a listing is shown",
    "--verify": "what one look does",
    "--version": "which version, or Shoal's own",
}
"""Options that are no settings, and why: they say what one call does, and would be wrong for the next."""

WITHOUT_SETTINGS = {"sim": "what a seed does follows from the command line alone, wherever it is replayed"}
"""Verbs that take none at all, and why."""

Words = tuple[str, ...]
Asked = Callable[..., object]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Asked:
    """What a verb gets that is called with these words, in a directory of its own."""
    monkeypatch.chdir(tmp_path)

    @click.group()
    @click.option("--config", type=click.Path(path_type=Path))
    def root(*, config: Path | None) -> None:
        """A program."""

    @root.command()
    @setting("--big-size", "size", type=SIZE, default="8MiB")
    @setting("--loud/--no-loud", "-l/-L")
    @setting("--data", key="place", type=click.Path(path_type=Path), default=Path("here"))
    def verb(**chosen: object) -> dict[str, object]:
        return chosen

    def call(name: str, *words: str, config: str | None = None) -> object:
        before = ("--config", config) if config else ()
        chosen = root.main([*before, "verb", *words], standalone_mode=False)
        return chosen[name]

    return call


@pytest.mark.parametrize(
    ("words", "variable", "line", "size"),
    [
        ((), None, None, 8 << 20),
        ((), None, "big-size = '3MiB'", 3 << 20),
        ((), None, "big-size = 3", 3),
        ((), "2MiB", "big-size = '3MiB'", 2 << 20),
        ((), "", "big-size = '3MiB'", 3 << 20),
        ((), "", None, 8 << 20),
        (("--big-size", "1MiB"), "2MiB", "big-size = '3MiB'", 1 << 20),
        (("--big-size", "1MiB"), "nonsense", "big-size = 'nonsense'", 1 << 20),
    ],
)
def test_flag_beats_environment_beats_file_beats_default(
    monkeypatch: pytest.MonkeyPatch, asked: Asked, words: Words, variable: str | None, line: str | None, size: int
) -> None:
    if variable is not None:
        monkeypatch.setenv("SHOAL_BIG_SIZE", variable)
    if line is not None:
        Path("shoal.toml").write_text(line)
    assert asked("size", *words) == size


@pytest.mark.parametrize(
    ("words", "variable", "line", "is_loud"),
    [
        ((), None, None, False),
        ((), None, "loud = true", True),
        ((), "0", "loud = true", False),
        ((), "yes", "loud = false", True),
        (("--no-loud",), "1", "loud = true", False),
        (("-L",), "1", None, False),
        (("-l",), "0", None, True),
    ],
)
def test_a_flag_can_be_taken_back(
    monkeypatch: pytest.MonkeyPatch, asked: Asked, words: Words, variable: str | None, line: str | None, is_loud: bool
) -> None:
    if variable is not None:
        monkeypatch.setenv("SHOAL_LOUD", variable)
    if line is not None:
        Path("shoal.toml").write_text(line)
    assert asked("loud", *words) is is_loud


def test_one_name_may_stand_for_a_flag_of_another(monkeypatch: pytest.MonkeyPatch, asked: Asked) -> None:
    monkeypatch.setenv("SHOAL_DATA", "elsewhere")
    assert asked("data") == Path("here")
    monkeypatch.setenv("SHOAL_PLACE", "there")
    assert asked("data") == Path("there")


def test_a_path_in_a_file_is_seen_from_that_file(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/some.toml").write_text("place = 'disk'")
    assert asked("data", config="etc/some.toml") == Path("etc/disk")
    (tmp_path / "etc/some.toml").write_text("place = '/disk'")
    assert asked("data", config="etc/some.toml") == Path("/disk")


@pytest.mark.parametrize(
    ("variable", "line", "place"),
    [
        ("much", None, "SHOAL_BIG_SIZE"),
        (None, "big-size = 'much'", "big-size in shoal.toml"),
        (None, "big-size = true", "shoal.toml: big-size is a text or a number"),
        (None, "loud = 'true'", "shoal.toml: loud is true or false"),
        (None, "loud = 1", "shoal.toml: loud is true or false"),
    ],
)
def test_a_refusal_names_where_the_word_stands(
    monkeypatch: pytest.MonkeyPatch, asked: Asked, variable: str | None, line: str | None, place: str
) -> None:
    if variable is not None:
        monkeypatch.setenv("SHOAL_BIG_SIZE", variable)
    if line is not None:
        Path("shoal.toml").write_text(line)
    with pytest.raises(click.UsageError) as refused:
        asked("size")
    assert place in refused.value.format_message()


def test_a_variable_that_is_no_truth_is_refused(monkeypatch: pytest.MonkeyPatch, asked: Asked) -> None:
    monkeypatch.setenv("SHOAL_LOUD", "perhaps")
    with pytest.raises(click.UsageError, match="perhaps"):
        asked("loud")


def test_only_one_file_is_read(asked: Asked) -> None:
    Path("shoal.toml").write_text("big-size = 1")
    Path("other.toml").write_text("loud = true")
    assert asked("size", config="other.toml") == 8 << 20
    assert asked("size", config="/dev/null") == 8 << 20
    assert asked("size") == 1


def test_help_needs_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shoal.toml").write_text("this is no TOML")
    assert main(["--help"]) == 0
    assert main(["put", "--help"]) == 0
    assert main(["put", "x"]) == 2


def test_a_file_is_read_once_for_a_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shoal.toml").write_text("replicas = 2")
    with click.Context(cli, **cli.context_settings) as context:
        found = loaded_config(context)
        Path("shoal.toml").unlink()
        assert loaded_config(context) is found
        assert found.values == {"replicas": 2}


def every_setting() -> dict[str, list[Setting]]:
    return known_settings(click.Context(cli, **cli.context_settings))


def plain_options(command: click.Command) -> set[str]:
    """The options of a verb, and of the verbs below it, that are no settings."""
    if command.name in WITHOUT_SETTINGS:
        return set()
    options = [option for option in command.params if isinstance(option, click.Option)]
    found = {option.opts[-1] for option in options if not isinstance(option, Setting)}
    if isinstance(command, click.Group):
        context = click.Context(command, **cli.context_settings)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found |= plain_options(inner)
    return found


def test_every_option_of_every_verb_is_a_setting_or_of_one_call() -> None:
    plain = plain_options(cli)
    assert sorted(plain - set(OF_ONE_CALL)) == [], "declare it with shoal.app.setting.setting, or say why it is none"
    assert sorted(set(OF_ONE_CALL) - plain) == [], "there is no such option any more"


def test_a_setting_is_of_one_kind_wherever_it_stands() -> None:
    for key, settings in every_setting().items():
        kinds = {(each.variable, each.is_flag, type(each.type), each.opts[-1]) for each in settings}
        assert len(kinds) == 1, key


def test_every_flag_has_its_opposite() -> None:
    flags = [each for settings in every_setting().values() for each in settings if each.is_flag]
    assert flags
    assert all(each.secondary_opts for each in flags)


def test_the_variable_is_the_key_in_capitals() -> None:
    assert {key: settings[0].variable for key, settings in every_setting().items()} == {
        key: "SHOAL_" + key.upper().replace("-", "_") for key in every_setting()
    }


def test_a_verb_says_which_settings_it_takes() -> None:
    @click.command()
    @setting("--size")
    @click.option("--once")
    def verb(**chosen: object) -> None:
        """A verb."""

    assert [each.key for each in settings_of(verb)] == ["size"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), []),
        (("--size", "1KiB"), ["--size", "1KiB"]),
        (("--loud",), ["--loud"]),
        (("--no-loud",), ["--no-loud"]),
    ],
)
def test_its_words_give_another_process_the_same_value(given: Words, words: list[str]) -> None:
    @click.command()
    @setting("--size", type=SIZE, default="1")
    @setting("--loud/--no-loud")
    def verb(**chosen: object) -> None:
        """A verb."""

    context = verb.make_context("verb", list(given))
    assert [word for each in settings_of(verb) for word in each.words(context)] == words
