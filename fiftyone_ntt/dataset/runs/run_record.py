"""A run over images as a FiftyOne custom run: what it is, and how far it got."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo

from fiftyone_ntt.dataset.labels.gone import NOT_ANSWERING
from fiftyone_ntt.dataset.labels.names import check_still_there
from fiftyone_ntt.dataset.runs.run_calls import (
    CANCELLED,
    COMPLETED,
    FAILED,
    METHODS,
    PAUSED,
    RUNNING,
)
from fiftyone_ntt.dataset.work.refreshing import forget_refreshed, refresh
from fiftyone_ntt.dataset.work.stored_runs import record_run, run_configs
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.run_identity import ingredients_hash

TallyOf = Callable[[], tuple[int, dict[str, str]]]


@dataclass(frozen=True)
class RunRecord:
    """One run: equal ingredients give an equal key, whenever and wherever it is started.

    Attributes:
        dataset: whose samples are written and which keeps the record.
        field: the Detections field written to.
        method: kind of run, for `dataset.list_runs(method=...)`.
        ingredients: JSON values that decide the detections.
        notes: JSON values for people to read, which decide nothing.
    """

    dataset: fo.Dataset
    field: str
    method: str
    ingredients: Mapping[str, Any]
    notes: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Run key: `ntt_<field>_` and eight hexadecimal digits of the ingredients' hash."""
        return f"ntt_{self.field}_{ingredients_hash(dict(self.ingredients))[:8]}"

    def over(self, images: int, *, new_field: bool) -> RunRecord:
        """The same run, with notes of how many samples it is given, and whether the field was made
        by it or another run of this package: then it goes when nothing is left in it."""
        configs = run_configs(self.dataset, METHODS, ("field", "made_field")).values()
        made = new_field or any(c.get("made_field") and c["field"] == self.field for c in configs)
        return replace(self, notes={**self.notes, "images": images, "made_field": made})

    def check_field(self) -> None:
        """Check that the field written to is still there; see `check_still_there`."""
        check_still_there(self.dataset, self.field, f"run {self.key}")

    @contextmanager
    def running(
        self,
        tally_of: TallyOf,
        cancelled: Callable[[], bool] = lambda: False,
        told: Callable[[], str | None] = lambda: None,
    ) -> Iterator[None]:
        """Keeps the record's status while the work inside goes on.

        Args:
            tally_of: samples that have this run's detections by now, and failures (sample id to
                reason).
            cancelled: whether the work was ended on request.
            told: what became of labels, for people; noted when the work ends by itself.
        """
        self._update(RUNNING)
        try:
            yield
        except NOT_ANSWERING:
            raise  # nothing can be noted, and trying takes half a minute
        except BaseException as error:
            reason = str(error) or type(error).__name__
            with suppress(InputError):  # the dataset may be what is gone
                self._update(FAILED, tally_of(), reason)
            raise
        done, failures = tally_of()
        ended = replace(self, notes={**self.notes, "told": told()})
        if cancelled():
            ended._update(CANCELLED, (done, failures), "cancelled; the same call goes on")
        elif failures and not done:
            ended._update(FAILED, (done, failures), f"all {len(failures)} images failed")
        else:
            ended._update(COMPLETED, (done, failures))

    def note_pause(self, paused: bool, tally_of: TallyOf) -> None:
        """Note that the run waits, or goes on."""
        self._update(PAUSED if paused else RUNNING, tally_of())

    def _config(self, status: str, **values: Any) -> Any:
        return self.dataset.init_run(
            method=self.method,
            status=status,
            field=self.field,
            updated=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            **self.ingredients,
            **self.notes,
            **values,
        )

    def _update(
        self,
        status: str,
        tally: tuple[int, dict[str, str]] = (0, {}),
        reason: str | None = None,
    ) -> None:
        try:
            self._write(status, *tally, reason)
        except InputError:
            raise
        except ValueError:  # it was deleted at this very moment
            forget_refreshed()
            self._write(status, *tally, reason)

    def _write(self, status: str, done: int, failures: dict[str, str], reason: str | None) -> None:
        refresh(self.dataset)
        counts = {"done": done, "failed": len(failures), "reason": reason}
        values = {"failures": failures} if failures else None
        record_run(self.dataset, self.key, self._config(status, **counts), values)
