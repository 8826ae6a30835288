"""What it costs to write predictions safely, beside an update that asks nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from statistics import median
from typing import Any

import fiftyone as fo
import numpy as np
from bson import ObjectId
from pymongo import UpdateOne

from benchmarks.report import Report, Row
from fiftyone_ntt.dataset.labels.change_journal import begin_change
from fiftyone_ntt.dataset.labels.digests import DIGEST, content_digest
from fiftyone_ntt.dataset.labels.fields import declare_detections
from fiftyone_ntt.dataset.labels.mask_bytes import mask_bytes
from fiftyone_ntt.dataset.labels.prediction_writing import WritePolicy, write_predictions
from fiftyone_ntt.dataset.work.refreshing import refresh

Document = dict[str, Any]

_CHUNK = 16
_RUN = "ntt_safely_00000000"
_PLAIN, _SAFE = "plainly", "safely"


def writing(images: int, detections: int) -> Report:
    """Milliseconds an image of making the documents and writing them, both ways in turns.

    Plainly is how it was done before: the dataset is loaded anew, so that a deleted field is
    noticed, and whole fields are set, whatever they hold.
    """
    dataset = fo.Dataset()
    try:
        paths = [f"/images/{number}.png" for number in range(images)]
        ids = dataset.add_samples([fo.Sample(filepath=path) for path in paths], progress=False)
        for name in (_PLAIN, _SAFE):
            declare_detections(dataset, name, {})
        ways = {_PLAIN: _plainly(dataset), _SAFE: _safely(dataset)}
        crops = _ellipses(detections)
        times: dict[str, list[float]] = {name: [] for name in ways}
        for start in range(0, images, _CHUNK):
            part = ids[start : start + _CHUNK]
            # Each goes first every other time.
            for name in sorted(ways, reverse=bool(start // _CHUNK % 2)):
                began = time.perf_counter()
                ways[name]({key: _document(crops, name == _SAFE) for key in part})
                times[name].append(1000 * (time.perf_counter() - began) / len(part))
    finally:
        dataset.delete()
    row: Row = {"detections an image": detections}
    row |= {f"{name}, ms an image": median(found) for name, found in times.items()}
    row["safely / plainly"] = median(times[_SAFE]) / median(times[_PLAIN])
    return Report(f"writing predictions of {images} images, {_CHUNK} at a time", [row])


def _plainly(dataset: fo.Dataset) -> Callable[[dict[str, Document]], None]:
    def write(documents: dict[str, Document]) -> None:
        dataset._reload(hard=True)
        now = datetime.now(timezone.utc)
        updates = [
            UpdateOne({"_id": ObjectId(key)}, {"$set": {_PLAIN: value, "last_modified_at": now}})
            for key, value in documents.items()
        ]
        dataset._bulk_write(updates, ids=list(documents))

    return write


def _safely(dataset: fo.Dataset) -> Callable[[dict[str, Document]], None]:
    change = begin_change(dataset, _SAFE, "run", run=_RUN)

    def write(documents: dict[str, Document]) -> None:
        refresh(dataset)
        done = write_predictions(dataset, _SAFE, documents, WritePolicy(_RUN), change)
        assert len(done.samples) == len(documents)

    return write


def _ellipses(count: int) -> list[np.ndarray]:
    rng, crops = np.random.default_rng(0), []
    for height, width in rng.integers(20, 90, (count, 2)):
        rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        crops.append(rows**2 + columns**2 < 1)
    return crops


def _document(crops: list[np.ndarray], digest: bool) -> Document:
    labels = []
    for crop in crops:
        box = [0.1, 0.1, crop.shape[1] / 640, crop.shape[0] / 480]
        label: Document = {"_id": ObjectId(), "_cls": "Detection", "attributes": {}, "tags": []}
        label |= {"label": "boat", "bounding_box": box, "mask": mask_bytes(crop)}
        label |= {"confidence": 0.5, "margin": 0.1, "nearest_reference": "a" * 24, "run": _RUN}
        labels.append(label | ({DIGEST: content_digest("boat", box, crop)} if digest else {}))
    return {"_cls": "Detections", "detections": labels, "run": _RUN}
