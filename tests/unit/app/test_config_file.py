"""What a configuration file may be; anything else is one clear line."""

from pathlib import Path

import click
import pytest

from shoal.app.config_file import FILE_BYTES_MAX, ConfigFile, read_config


def test_it_is_one_line_for_each_setting(tmp_path: Path) -> None:
    path = tmp_path / "shoal.toml"
    path.write_text("# ours\nreplicas = 2\nselector = 'capacity'\nquiet = true\n")
    assert read_config(path) == ConfigFile(path, {"replicas": 2, "selector": "capacity", "quiet": True})


def test_an_empty_file_says_nothing() -> None:
    assert read_config(Path("/dev/null")).values == {}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"replicas = =", "not TOML: .*line 1"),
        (b"replicas = 1\nreplicas = 2", "not TOML"),
        (b"zone = '\xff'", "not UTF-8 at byte 8"),
        (b"[cluster]\nreplicas = 2", "'cluster' is no text, number, true or false"),
        (b"replicas = [2]", "'replicas' is no text"),
        (b"replicas = 2.5", "'replicas' is no text"),
        (b"replicas = 2026-01-01", "'replicas' is no text"),
        (b"replicas = " + b"9" * 5000, "not TOML"),
        (b"replicas = " + b"[" * 20_000, "not TOML"),
        (b"#" * (FILE_BYTES_MAX + 1), "larger than 64 KiB"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "shoal.toml"
    path.write_bytes(content)
    with pytest.raises(click.UsageError, match=f"^{path}: {sentence}"):
        read_config(path)


@pytest.mark.parametrize(
    ("name", "sentence"), [("", "Is a directory"), ("none", "No such file"), ("/dev/zero", "larger")]
)
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(click.UsageError, match=sentence):
        read_config(tmp_path / name)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("chunk_size", "did you mean chunk-size"),
        ("Replicas", "did you mean replicas"),
        ("replica", "did you mean replicas"),
        ("xyzzy", "`shoal config show` lists all"),
        ("secret", "SHOAL_SECRET in the environment"),
        ("key", "SHOAL_KEY in the environment"),
    ],
)
def test_a_key_that_nobody_knows_is_refused(key: str, sentence: str) -> None:
    with pytest.raises(click.UsageError, match=sentence) as refused:
        ConfigFile(Path("f"), {"replicas": 1, key: "canary"}).check_keys(["replicas", "chunk-size"])
    assert "canary" not in refused.value.message


def test_keys_that_are_known_are_taken() -> None:
    ConfigFile(Path("f"), {"replicas": 1}).check_keys(["replicas", "chunk-size"])
