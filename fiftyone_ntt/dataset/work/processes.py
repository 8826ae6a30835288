"""Work in several processes: how many, and that none is left over.

joblib's processes do not run the user's script again, which may have no main guard, and they start
in notebooks and servers alike.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_MOST_PROCESSES = 8

_PARENT_CHECK = 2.0
"""Seconds."""


def default_workers(images: int, min_images: int) -> int:
    """As many processes as the machine's cores serve and so many images keep busy.

    Args:
        images: to be worked on.
        min_images: images per process, at least: what takes longer to work on than one to start.
    """
    import joblib

    if multiprocessing.current_process().daemon:  # may have no processes of its own
        return 1
    return max(1, min(joblib.cpu_count(), _MOST_PROCESSES, images // min_images))


def map_in_processes(
    work: Callable[[Piece], Result], pieces: Iterable[Piece], workers: int
) -> Iterator[Result]:
    """The result of each piece of work, in their order.

    Args:
        work: can be pickled; large arrays it holds are shared by the processes.
        pieces: taken a few ahead.
        workers: 1 to work in this process.
    """
    if workers == 1:
        yield from map(work, pieces)
        return
    import joblib

    parallel = joblib.Parallel(
        n_jobs=workers,
        return_as="generator",
        pre_dispatch="2 * n_jobs",
        initializer=_end_with_parent,
    )
    yield from parallel(joblib.delayed(work)(piece) for piece in pieces)


def _end_with_parent() -> None:
    """End this worker when the process that started it is killed: its next result would wait for
    ever to be fetched."""
    parent = os.getppid()

    def watch() -> None:
        """Wait until the parent is gone, and end this process."""
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
