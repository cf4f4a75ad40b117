"""One process for a directory, and its name in the refusal."""

from pathlib import Path

import pytest

from shoal.base.errors import AlreadyExists
from shoal.wiring import sole_use as module
from shoal.wiring.env import opened_env
from shoal.wiring.sole_use import sole_use


async def test_a_second_user_is_refused_by_the_name_of_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_NS", 0)
    with opened_env(tmp_path) as env, opened_env(tmp_path) as other:
        async with sole_use(env, "x.lock", directory=tmp_path):
            with pytest.raises(AlreadyExists, match=f"another process uses {tmp_path}$"):
                await sole_use(other, "x.lock", directory=tmp_path).__aenter__()
            async with sole_use(other, "y.lock", directory=tmp_path):
                pass


async def test_it_is_free_again_afterwards_also_after_a_failure(tmp_path: Path) -> None:
    with opened_env(tmp_path) as env:
        with pytest.raises(LookupError):
            async with sole_use(env, "x.lock", directory=tmp_path):
                raise LookupError
        async with sole_use(env, "x.lock", directory=tmp_path):
            pass


async def test_a_process_that_is_just_ending_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened_env(tmp_path) as env, opened_env(tmp_path) as other:
        held = other.disk.lock("x.lock")
        pauses = list[int]()

        async def sleep(duration_ns: int) -> None:
            pauses.append(duration_ns)
            if len(pauses) == 3:
                held.release()

        monkeypatch.setattr(env.clock, "sleep", sleep)
        async with sole_use(env, "x.lock", directory=tmp_path):
            assert len(pauses) == 3
