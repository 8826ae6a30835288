"""Progress: FiftyOne's bar, or a function of the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import fiftyone.core.utils as fou

Progress = bool | None | Callable[[int, int], object]
"""None: FiftyOne's `show_progress_bars` decides; True or False; or a function that is called with
the number done and the total."""


@contextmanager
def progress_steps(total: int, progress: Progress) -> Iterator[Callable[[], None]]:
    """Yields a function to call after each of `total` steps."""
    if callable(progress):
        report, done = progress, 0

        def advance() -> None:
            """Count a step, and report it."""
            nonlocal done
            done += 1
            report(done, total)

        yield advance
    else:
        with fou.ProgressBar(total=total, progress=progress) as bar:
            yield bar.update


class DeferredStep:
    """Called after each step, of work that begins before it is known how many there are; does
    nothing until `step` is set."""

    def __init__(self) -> None:
        self.step: Callable[[], None] = lambda: None

    def __call__(self) -> None:
        """Count a step, once it is known of how many."""
        self.step()
