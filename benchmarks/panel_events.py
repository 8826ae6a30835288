"""How long the Memory Bank panel's events take on the server, and how much they send."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

import fiftyone as fo
from fiftyone.operators.executor import ExecutionContext, Executor

import fiftyone_ntt as ntt
from benchmarks.bank_worlds import BANK, many_classes
from benchmarks.report import Report, Row
from benchmarks.stopwatch import now
from fiftyone_ntt.plugin.panels.bank_panel import MemoryBankPanel

_FIELD = "predictions"
_RUN = "ntt_predictions_00000000"


def panel_events(
    folder: Path, *, classes: int, shots: int, samples: int, repeats: int = 9
) -> Report:
    """Each event of the panel on a bank of many classes.

    Args:
        folder: an empty one, for the images.
        classes: of the bank.
        shots: references per class.
        samples: in the dataset, all with two predictions.
        repeats: of each event, after a first that is not counted.
    """
    dataset = many_classes(folder, classes=classes, shots=shots, samples=samples)
    try:
        _predict(dataset)
        rows = _rows(dataset, repeats)
    finally:
        dataset.delete()
    title = f"Memory Bank panel, {classes} classes x {shots} references, {samples} samples"
    return Report(title, rows)


def _predict(dataset: fo.Dataset) -> None:
    """Predictions that a run made with the bank, as it was before somebody changed it."""
    labels = [
        fo.Detections(
            detections=[
                fo.Detection(label=f"thing {n:04d}", bounding_box=[0, 0, 1, 1], confidence=0.7)
                for n in range(2)
            ]
        )
        for _ in range(len(dataset))
    ]
    dataset.set_values(_FIELD, labels)
    run = dataset.init_run(
        method="ntt_segment",
        field=_FIELD,
        bank=BANK,
        status="COMPLETED",
        mode="paper",
        updated="2026-01-01T00:00:00+00:00",
        bank_hash="of the bank before",
        proposal_settings={"points_per_side": 32},
        match_settings={"confidence_threshold": 0.3},
    )
    dataset.register_run(_RUN, run)


def _rows(dataset: fo.Dataset, repeats: int) -> list[Row]:
    state, _ = _event(dataset, "on_load", {})
    first, second = ntt.load_memory_bank(dataset, BANK).references.ids[:2]
    # As the browser has it done when a page is first looked at.
    began = now()
    for page in (0, 1):
        _, sent = _event(dataset, "browse", state, choice={"page": page})
        asked = next((found for found in sent if "skip_prompt" in found), None)
        if asked is not None:
            ntt.make_thumbnails(dataset, BANK, ids=asked["params"]["ids"])
    drawing = now() - began
    events: dict[str, tuple[str, dict[str, Any]]] = {
        "open": ("on_load", {}),
        "next page": ("browse", {"choice": {"page": 1}}),
        "only flagged": ("browse", {"choice": {"show": "flagged"}}),
        "search a class": ("browse", {"choice": {"search": "thing 0007"}}),
        "look for changes": ("look", {"bank": BANK, "field": _FIELD}),
        "look at the tags too": ("look", {"bank": BANK, "field": _FIELD, "tags": True}),
        "move the slider": ("slide", {"value": 0.5}),
        "select in the grid": ("show_in_grid", {"id": first}),
    }
    rows = [
        {"event": name, **_measured(dataset, method, state, params, repeats)}
        for name, (method, params) in events.items()
    ]
    # These change the bank each time: what is kept in memory of it does not help the next.
    changing = {
        "change a class": ("change_class", {"id": second, "label": "thing 0003"}),
        "undo": ("undo", {}),
    }
    times: dict[str, list[Row]] = {name: [] for name in changing}
    for _ in range(max(3, repeats // 3)):
        for name, (method, params) in changing.items():
            times[name].append(_measured(dataset, method, state, params, 1, warm=False))
    rows += [{"event": name, **_middle(found)} for name, found in times.items()]
    rows.append({"event": "drawing two pages, once", "ms": 1000 * drawing, "kB sent": None})
    return rows


def _measured(
    dataset: fo.Dataset,
    method: str,
    state: dict[str, Any],
    params: dict[str, Any],
    repeats: int,
    warm: bool = True,
) -> Row:
    if warm:
        _event(dataset, method, state, **params)
    times, sizes = [], []
    for _ in range(repeats):
        began = now()
        _, sent = _event(dataset, method, state, **params)
        times.append(1000 * (now() - began))
        sizes.append(len(json.dumps(sent, default=str).encode()) / 1000)
    return {"ms": median(times), "kB sent": median(sizes)}


def _middle(rows: list[Row]) -> Row:
    return {name: median(row[name] for row in rows) for name in rows[0]}


def _event(
    dataset: fo.Dataset, method: str, state: dict[str, Any], **params: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The panel's state after an event, and all that was sent to the browser."""
    executor = Executor()
    kept = dict(state)
    given = {"panel_id": "p", "panel_state": kept, "__method__": method, **params}
    request = {"dataset_name": dataset.name, "params": given}
    MemoryBankPanel().execute(ExecutionContext(request, executor))
    sent = [found.params for found in executor._requests]
    for found in executor._requests:
        if found.operator_uri.endswith("patch_panel_state"):
            kept.update(found.params["state"])
    return kept, sent
