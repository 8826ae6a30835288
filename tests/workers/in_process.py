"""`spread` without processes, which take seconds to load models: all else is as it is there."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterable
from typing import Any

from fiftyone_ntt.workers.spreading import Outcome, WorkerDied


class SpreadHere:
    """Does what workers would, with copies of the task and the pieces.

    Attributes:
        deaths: pieces, by their number, that workers die of.
        counts: of workers, of each call.
    """

    def __init__(self, *deaths: int) -> None:
        self.deaths = deaths
        self.counts: list[int] = []

    def __call__(
        self, task: Any, pieces: Iterable[Any], workers: int
    ) -> Generator[Outcome[Any], None, None]:
        self.counts.append(workers)
        work = copied(task).begin()
        for number, piece in enumerate(pieces):
            if number in self.deaths:
                yield Outcome(error=WorkerDied("2 worker processes ended over it"))
                continue
            try:
                yield Outcome(copied(work(copied(piece))))
            except Exception as error:
                yield Outcome(error=copied(error))


def copied(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))
