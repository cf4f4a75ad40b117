"""Play many seeds in processes of their own, as many at a time as one likes."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from shoal.base.errors import LocalFault
from shoal.testing.sim.play import Change, Played, play_seed
from shoal.testing.sim.swarm import Profile


def play_seeds(
    seeds: Sequence[int], profile: Profile, change: Change | None, *, jobs: int
) -> Generator[Played, None, None]:
    """All of them, in order; `jobs` at a time, in this process if that is one.

    Close the iterator if you leave it early: then the processes end. Raises: LocalFault if one of them was killed.
    """
    play = partial(play_seed, profile=profile, change=change)
    if min(jobs, len(seeds)) <= 1:
        yield from map(play, seeds)
        return
    pool = ProcessPoolExecutor(min(jobs, len(seeds)), multiprocessing.get_context("spawn"), _begin_process)
    try:
        yield from pool.map(play, seeds)
    except BrokenProcessPool as exc:
        raise LocalFault("a process that played a seed was killed, by the system if memory ran out") from exc
    except (GeneratorExit, KeyboardInterrupt):
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_process() -> None:
    """Ctrl-C reaches all processes of a terminal: the one that plays no seed ends the others. If that one is killed
    they must not stay behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
