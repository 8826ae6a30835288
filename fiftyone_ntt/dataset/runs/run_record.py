"""A run over images as a FiftyOne custom run: what it is, and how far it got."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
import fiftyone.core.labels as fol
from bson import ObjectId
from pymongo import UpdateOne

from fiftyone_ntt.dataset.labels.detections import Document
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.run_identity import ingredients_hash

PENDING, RUNNING, COMPLETED, FAILED = "PENDING", "RUNNING", "COMPLETED", "FAILED"


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

    def check_field(self) -> None:
        """Check that the field written to is still there, whichever process may have deleted it.

        Writing on would leave detections that no schema knows and nobody sees.

        Raises:
            InputError: it was deleted.
        """
        self.dataset._reload(hard=True)  # `reload` would also drop unsaved edits of samples
        if self.dataset.get_field(self.field) is None:
            raise InputError(
                f"field {self.field!r} was deleted while run {self.key} was writing to it, so the "
                "run stopped. Nothing else was touched; run it again to compute its images anew."
            )

    def write(self, detections: Mapping[str, fol.Detections | Document]) -> None:
        """Write the detections of some samples, given by id."""
        now = datetime.now(timezone.utc)
        updates = [
            UpdateOne(
                {"_id": ObjectId(sample_id)},
                {"$set": {self.field: _document(found), "last_modified_at": now}},
            )
            for sample_id, found in detections.items()
        ]
        if updates:
            self.dataset._bulk_write(updates, ids=list(detections))

    @contextmanager
    def running(self, tally_of: Callable[[], tuple[int, dict[str, str]]]) -> Iterator[None]:
        """Keeps the record's status while the work inside goes on.

        Args:
            tally_of: samples that have this run's detections by now, and failures (sample id to
                reason).
        """
        if self.key not in self.dataset.list_runs():
            self.dataset.register_run(self.key, self._config(PENDING))
        self._update(RUNNING)
        try:
            yield
        except BaseException as error:
            reason = str(error) or type(error).__name__
            self._update(FAILED, tally_of(), reason)
            raise
        done, failures = tally_of()
        failed = failures and not done
        outcome = (FAILED, f"all {len(failures)} images failed") if failed else (COMPLETED, None)
        self._update(outcome[0], (done, failures), outcome[1])

    def _config(self, status: str, **values: Any) -> Any:
        return self.dataset.init_run(
            method=self.method,
            status=status,
            field=self.field,
            updated=datetime.now(timezone.utc).isoformat(timespec="seconds"),
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
        done, failures = tally
        counts = {"done": done, "failed": len(failures), "reason": reason}
        self.dataset.update_run_config(self.key, self._config(status, **counts))
        if failures:
            results = self.dataset.init_run_results(self.key, failures=failures)
            self.dataset.save_run_results(self.key, results, cache=False)


def _document(detections: fol.Detections | Document) -> Document:
    return detections if isinstance(detections, dict) else dict(detections.to_mongo())
