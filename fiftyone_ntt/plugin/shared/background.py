"""Long work that goes on in FiftyOne's server while the App goes on being used."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, TimeoutError
from typing import TypeVar

import fiftyone.core.dataset as fod

from fiftyone_ntt.plugin.shared.starts import Starts
from fiftyone_ntt.plugin.shared.streaming import Work

T = TypeVar("T")

_PATIENCE = 1.5
"""Seconds that the App waits for an end or an error before it says that work goes on."""


def begin(
    dataset: fod.Dataset, label: str, work: Work[T], tell: Callable[[Exception], str]
) -> Future[T] | None:
    """Do work in a thread of its own.

    Args:
        dataset: it is about.
        label: the operator's, for people.
        work: to do.
        tell: what people are told of an error that comes after this has returned.

    Returns:
        The finished work, with its result or error, if it ended soon; None where it goes on.
    """
    ended: Future[T] = Future()
    heard = threading.Event()  # an end or a first step
    left_alone = threading.Event()
    starts = Starts(dataset)
    start = starts.note(label)

    def step(done: int, total: int) -> None:
        """The run has begun: from now on its record says what there is to say."""
        if not heard.is_set():
            starts.forget(start.key)
            heard.set()

    def do() -> None:
        try:
            ended.set_result(work(step))
        except Exception as error:
            begun = heard.is_set()
            ended.set_exception(error)
            heard.set()
            if left_alone.wait(2 * _PATIENCE):
                problem = tell(error)
                if not begun:
                    starts.note_problem(start, problem)
                    return
        heard.set()
        starts.forget(start.key)

    # Not waited for when the server ends: what is written is kept, and the rest can be continued.
    threading.Thread(target=do, name=f"ntt {label}", daemon=True).start()
    heard.wait(_PATIENCE)
    try:
        ended.exception(timeout=_PATIENCE if heard.is_set() else 0)
    except TimeoutError:  # it goes on
        left_alone.set()
        return None
    starts.forget(start.key)
    return ended
