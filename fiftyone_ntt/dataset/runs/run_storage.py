"""The record of a run as FiftyOne stores it: to bring a deleted one back."""

from __future__ import annotations

from typing import Any

import fiftyone as fo

from fiftyone_ntt.dataset.labels.fields import refresh
from fiftyone_ntt.dataset.work import stored_runs

Document = dict[str, Any]


def stored_run(dataset: fo.Dataset, key: str) -> Document | None:
    """The configuration of a custom run, to be given to `restore_run`; None where there is none."""
    if key not in dataset.list_runs():
        return None
    config: Document = dataset.get_run_info(key).config.serialize()
    return {"key": key, "config": config}


def restore_run(dataset: fo.Dataset, stored: Document) -> None:
    """Bring a run's record back, unless there is one of its key again."""
    refresh(dataset)
    if stored["key"] in dataset.list_runs():
        return
    values = {k: v for k, v in stored["config"].items() if k not in ("cls", "type")}
    dataset.register_run(stored["key"], dataset.init_run(**values))


def remove_run(dataset: fo.Dataset, key: str) -> None:
    """Delete a run's record, if it is there."""
    while not stored_runs.remove_run(dataset, key, replacing=stored_runs.run_ids(dataset).get(key)):
        pass  # somebody has just noted something on it
