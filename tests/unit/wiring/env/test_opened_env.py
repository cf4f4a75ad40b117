"""An Env for as long as a role lives: its threads end with it."""

from contextlib import suppress
from pathlib import Path

import pytest

from shoal.base.env import Env, OpenMode
from shoal.base.errors import InvariantBroken
from shoal.wiring.env import diskless_env, opened_env
from support.own_threads import own_threads


async def work_with(env: Env) -> None:
    assert await env.cpu.run(len, bytes(1 << 20)) == 1 << 20
    file = await env.disk.open("a", OpenMode.CREATE)
    await file.pwrite(0, b"a")
    await file.fdatasync()
    await file.close()
    await env.disk.sync_dir("")


async def test_its_threads_end_with_it(tmp_path: Path) -> None:
    with opened_env(tmp_path) as env:
        await work_with(env)
        assert own_threads() != []
    assert own_threads() == []


async def test_they_end_after_a_failure_as_well(tmp_path: Path) -> None:
    with suppress(LookupError), opened_env(tmp_path) as env:
        await work_with(env)
        raise LookupError
    assert own_threads() == []


async def test_a_client_has_no_disk_and_leaves_no_thread() -> None:
    with diskless_env() as env:
        assert await env.cpu.run(len, bytes(1 << 20)) == 1 << 20
        with pytest.raises(InvariantBroken, match="a client has no disk"):
            await env.disk.exists("a")
    assert own_threads() == []
