"""Long work with progress: streamed to the App, noted on a delegated run, or silent."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fiftyone_ntt.errors import NttError
from fiftyone_ntt.plugin.shared.context import Context

T = TypeVar("T")
M = TypeVar("M")
Step = Callable[[int, int], None]
"""Called with the number done and the total, after each."""
Work = Callable[[Step], T]

_INTERVAL = 0.25
"""Seconds between two reports: more would cost the App more than the user can read."""


class Cancelled(NttError):
    """Nobody listens any more: the App was closed or the form left."""


class ProgressMeter:
    """How far, how fast, and how long still."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._start = time.monotonic()
        self._first: tuple[float, int] | None = None

    def label(self, done: int, total: int) -> str:
        """For people: `12 of 60 images · 3.4 images/s · 14 s left`."""
        now = time.monotonic()
        if self._first is None:
            # From the first one on: what came before was loading the models.
            self._first = (now, done)
        text = f"{done} of {total} {self._noun}"
        elapsed, since = now - self._first[0], done - self._first[1]
        if since < 1 or elapsed <= 0:
            return text
        rate = since / elapsed
        return f"{text} · {rate:.1f} {self._noun}/s · {duration((total - done) / rate)} left"


def duration(seconds: float) -> str:
    """A time for people: `14 s`, `3 min 05 s`, `2 h 10 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def report_on_run(ctx: Context, work: Work[T], noun: str) -> T:
    """Do the work here, noting its progress on the delegated run."""
    meter, last = ProgressMeter(noun), 0.0

    def step(done: int, total: int) -> None:
        """Note the progress, unless it was noted just now."""
        nonlocal last
        label = meter.label(done, total)
        if done < total and time.monotonic() - last < _INTERVAL:
            return
        last = time.monotonic()
        ctx.set_progress(progress=done / total, label=label)

    ctx.set_progress(progress=0.0, label="Preparing")
    return work(step)


def stream(work: Work[T], noun: str, show: Callable[[float, str], M]) -> Generator[M, None, T]:
    """Do the work in a thread, and yield `show(share, label)` as it goes on.

    Returns (as `yield from`'s value) the work's result, and raises its error. When the stream is
    closed, the work ends at its next step.
    """
    steps: queue.Queue[tuple[int, int] | None] = queue.Queue()
    closed = threading.Event()

    def step(done: int, total: int) -> None:
        """Hand the progress on; end the work if nobody listens any more."""
        if closed.is_set():
            raise Cancelled(
                "the App closed the connection. Run it again; finished images are kept."
            )
        steps.put((done, total))

    meter = ProgressMeter(noun)
    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            future = pool.submit(work, step)
            future.add_done_callback(lambda _: steps.put(None))
            yield show(0.0, "Preparing")
            while (reached := _latest(steps)) is not None:
                done, total = reached
                yield show(done / total, meter.label(done, total))
                time.sleep(_INTERVAL)
        finally:
            closed.set()
        return future.result()


def _latest(steps: queue.Queue[tuple[int, int] | None]) -> tuple[int, int] | None:
    """The newest step, once there is one; None at the end."""
    newest = steps.get()
    while newest is not None:
        try:
            following = steps.get_nowait()
        except queue.Empty:
            break
        if following is None:
            steps.put(None)  # the end comes next: the last step is still to be shown
            break
        newest = following
    return newest
