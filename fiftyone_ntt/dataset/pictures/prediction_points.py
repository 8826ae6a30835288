"""Predictions in the plane in which a bank's references are looked at."""

from __future__ import annotations

from dataclasses import dataclass

import fiftyone.core.collections as foc
import numpy as np
from jaxtyping import Float32

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.plane import fit_plane
from fiftyone_ntt.dataset.banks.saved_banks import resolve_bank
from fiftyone_ntt.dataset.labels.fields import sample_count
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.pictures.prediction_features import prediction_features
from fiftyone_ntt.dataset.work.proposing import StoreChoice

_SEED = 51


@dataclass(frozen=True, eq=False)
class PredictionPoints:
    """Some of a view's predictions, as points.

    Attributes:
        ids: label ids, `P` strings.
        sample_ids: of the samples they lie on.
        labels: their classes.
        points: in the plane of `review_memory_bank`'s points.
        images: how many images were looked at.
        left_out: why predictions of those have no point, and how many each.
    """

    ids: tuple[str, ...]
    sample_ids: tuple[str, ...]
    labels: tuple[str, ...]
    points: Float32[np.ndarray, "P 2"]
    images: int
    left_out: dict[str, int]


@needs_database
def prediction_points(
    samples: foc.SampleCollection,
    label_field: str,
    bank: MemoryBank | str,
    *,
    max_images: int = 500,
    max_points: int = 2000,
    store: StoreChoice = True,
) -> PredictionPoints:
    """Place predictions among a bank's references; from stored proposals, without a network.

    Args:
        samples: a dataset or view of images that `segment` has seen.
        label_field: Detections with masks.
        bank: a bank, or the name of one saved on the dataset.
        max_images: of more, that many are drawn at random, always the same ones.
        max_points: likewise of predictions.
        store: where the proposals are: True for the default store, a folder, or a store.

    Raises:
        InputError: the samples or the field do not fit, or there is no store.

    Example:
        >>> found = ntt.prediction_points(view, "predictions", "shapes")
        >>> found.points.shape, found.images, found.left_out
        ((..., 2), 3, {})
    """
    bank = resolve_bank(samples._root_dataset, bank)
    if sample_count(samples) > max_images:
        samples = samples.take(max_images, seed=_SEED)
    features = prediction_features(samples, label_field, bank, store=store, progress=False)
    rows = np.arange(len(features))
    if len(rows) > max_points:
        rows = np.sort(np.random.default_rng(_SEED).choice(rows, max_points, replace=False))
    points = fit_plane(bank.unit_references).project(features.features[rows])
    return PredictionPoints(
        tuple(features.ids[row] for row in rows),
        tuple(features.sample_ids[row] for row in rows),
        tuple(features.labels[row] for row in rows),
        points,
        sample_count(samples),
        features.left_out,
    )
