"""Work that was begun from the App and has no run record yet, or will never have one.

Loading models takes seconds to minutes, and an error there leaves no run. Both are kept beside the
dataset, so that every tab shows them: begun work until its run begins, an error until somebody
has seen it.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from uuid import uuid4

import fiftyone.core.dataset as fod
from fiftyone.operators.store import ExecutionStore

_STORE = "ntt_starts"
_TTL = 3600
"""Seconds: what a server that was stopped meanwhile leaves goes by itself."""


@dataclass(frozen=True)
class Start:
    """Work that somebody began.

    Attributes:
        key: of it.
        label: the operator's, for people.
        at: when, in seconds since 1970.
        problem: why it came to nothing; None while it is prepared.
    """

    key: str
    label: str
    at: float
    problem: str | None = None


class Starts:
    """Those of a dataset.

    Args:
        dataset: they are about. Only its id is used afterwards: it may be deleted meanwhile.
    """

    def __init__(self, dataset: fod.Dataset) -> None:
        self._store = ExecutionStore.create(_STORE, dataset_id=dataset._doc.id)

    def note(self, label: str) -> Start:
        """Note that work is being prepared."""
        start = Start(uuid4().hex, label, time.time())
        self._put(start)
        return start

    def note_problem(self, start: Start, problem: str) -> None:
        """Note that it came to nothing."""
        self._put(replace(start, problem=problem))

    def forget(self, key: str) -> None:
        """Forget one: its run has begun, or somebody has seen what was wrong."""
        self._store.delete(key)

    def all(self) -> list[Start]:
        """The latest first."""
        found = [self._store.get(key) for key in self._store.list_keys()]
        known = [Start(**value) for value in found if isinstance(value, dict)]
        return sorted(known, key=lambda start: start.at, reverse=True)

    def _put(self, start: Start) -> None:
        self._store.set(start.key, asdict(start), ttl=_TTL)
