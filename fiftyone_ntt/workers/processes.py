"""How many processes work is spread over, and how one of them begins and ends.

joblib's processes (loky) do not run the user's script again, which may have no main guard, and they
start in notebooks and servers alike.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Executor, Future
from typing import Any, Literal, get_args

from fiftyone_ntt.errors import InputError

Engine = Literal["processes"]
"""What work is spread with: processes of this machine."""

_MOST_PROCESSES = 8

_PARENT_CHECK = 1.0
"""Seconds."""

_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS",
)

_start_lock = threading.Lock()


def default_workers(images: int, min_images: int) -> int:
    """As many processes as the machine's cores serve and so many images keep busy.

    Args:
        images: to be worked on.
        min_images: images per process, at least: what takes longer to work on than one to start.
    """
    if _may_not_start():
        return 1
    return max(1, min(_cores(), _MOST_PROCESSES, images // min_images))


def check_workers(workers: int, engine: str = "processes") -> None:
    """Check that work can be spread so.

    Args:
        workers: processes.
        engine: what they are started with.

    Raises:
        InputError: fewer than one worker, an engine that is not known, or more than one worker
            where a process may start no others.
    """
    if engine not in get_args(Engine):
        known = ", ".join(map(repr, get_args(Engine)))
        raise InputError(f"engine {engine!r} is unknown. Use one of: {known}.")
    if workers < 1:
        raise InputError(f"workers is {workers}: somebody must do the work. Pass 1 or more.")
    if workers > 1 and _may_not_start():
        raise InputError(
            f"this is a daemonic process, which may start no others: {workers} workers cannot be "
            "had here. Pass workers=1."
        )


def start_worker(workers: int, begin: Any, *arguments: object) -> tuple[Executor, Future[Any]]:
    """A new process that waits for work, and what it makes of its first.

    It computes with its share of the cores, leaves Ctrl-C to this process, and ends within a second
    or two of it, however that ends.

    Args:
        workers: that share the cores.
        begin: what it does first; can be pickled.
        arguments: of that.
    """
    from joblib.externals.loky import ProcessPoolExecutor

    threads = str(_threads_each(workers))
    with _start_lock:
        executor = ProcessPoolExecutor(
            max_workers=1,
            initializer=_begin_worker,
            initargs=(os.getpid(),),
            env=dict.fromkeys(_THREADS, threads),
        )
        return executor, executor.submit(begin, *arguments)


def kill_worker(executor: Executor) -> None:
    """End a worker, whatever it is doing."""
    executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]  # loky's


def _may_not_start() -> bool:
    return multiprocessing.current_process().daemon


def _cores() -> int:
    import joblib

    return int(joblib.cpu_count())


def _threads_each(workers: int) -> int:
    """Threads that each of so many workers computes with: as many as the user allows."""
    allowed = os.environ.get(_THREADS[0], "")
    most = int(allowed) if allowed.isdecimal() and int(allowed) else _cores()
    return max(1, min(most, _cores() // workers))


def _begin_worker(parent: int) -> None:
    """What a worker does before its first work."""
    # Ctrl-C reaches all processes of a terminal: the one that started the others ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        """Wait until the parent is gone, and end this process: its next result would wait for ever
        to be fetched."""
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECK)
        os._exit(1)

    if hasattr(os, "fork"):  # elsewhere a process keeps the number of a parent that is gone
        threading.Thread(target=watch, daemon=True).start()
