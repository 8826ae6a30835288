"""The features of predictions, from the proposals they were made of; no network runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import fiftyone.core.sample as fos
import numpy as np
from jaxtyping import Float32

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import ImageReading, image_size
from fiftyone_ntt.core.mask_lookup import find_masks
from fiftyone_ntt.core.proposals import ProposalSetup
from fiftyone_ntt.core.rle import RLE, encode_crop
from fiftyone_ntt.dataset.banks.saved_banks import resolve_bank
from fiftyone_ntt.dataset.labels.fields import check_samples, label_field_type
from fiftyone_ntt.dataset.labels.masks import Size, detection_crop
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.dataset.work.proposing import StoreChoice, resolve_store
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.image_keys import image_key
from fiftyone_ntt.store.proposal_store import ProposalStore

MIN_IOU = 0.8
"""IoU of a prediction, edited since or of another origin, with the proposal whose feature it gets:
below it the two show different things."""

NO_PROPOSALS = "their image has no stored proposals"
NO_MASK = "they are boxes without masks"
NO_PROPOSAL = "no stored proposal has their mask"
UNREADABLE = "their image or mask cannot be read"


@dataclass(frozen=True, eq=False)
class PredictionFeatures:
    """Predictions in the space of a bank's references.

    Attributes:
        ids: label ids, `P` strings.
        sample_ids: of the samples they lie on; only both together mean one prediction.
        labels: their classes.
        features: unit rows.
        left_out: why predictions have no features, and how many each; empty if all have some.
    """

    ids: tuple[str, ...]
    sample_ids: tuple[str, ...]
    labels: tuple[str, ...]
    features: Float32[np.ndarray, "P C"]
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass
class _FeatureRows:
    """What was found so far, of features so wide."""

    width: int
    ids: list[str] = field(default_factory=list)
    sample_ids: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    features: list[Float32[np.ndarray, "_ C"]] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    def leave_out(self, reason: str, count: int) -> None:
        """Count predictions without features, by reason."""
        if count:
            self.left_out[reason] = self.left_out.get(reason, 0) + count


def prediction_features(
    samples: foc.SampleCollection,
    label_field: str,
    bank: MemoryBank | str,
    *,
    store: StoreChoice = True,
    progress: Progress = None,
) -> PredictionFeatures:
    """Features of the predictions of a view, comparable with a bank's references.

    A prediction's feature is that of the stored proposal with its mask or, if it was edited since,
    with the most alike mask (IoU of at least 0.8). So no network runs and no image is decoded.

    Args:
        samples: a dataset or view of images that `segment` has seen.
        label_field: Detections with masks, of any run, bank or origin.
        bank: a bank, or the name of one saved on the dataset.
        store: where the proposals are: True for the default store, a folder, or a store.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)` of
            images.

    Returns:
        Predictions in the view's order, and how many have no features and why.

    Raises:
        InputError: the samples or the field do not fit, or there is no store.

    Example:
        >>> found = prediction_features(view, "predictions", "shapes")
        >>> found.features.shape, found.left_out
        ((..., 128), {})
    """
    check_samples(samples, "reading predictions")
    label_field_type(samples, label_field, (fol.Detections,))
    bank = resolve_bank(samples._root_dataset, bank)
    proposals = resolve_store(store)
    if proposals is None:
        raise InputError(
            "the features of predictions come from a store of proposals. Pass `store`."
        )
    setups = [setup for setup in proposals.setups() if setup.encoder == bank.encoder]
    collected = _FeatureRows(bank.width)
    reading = image_reading(samples)
    view = samples.select_fields(label_field)
    with progress_steps(len(view), progress) as advance:
        for sample in view.iter_samples():
            labels = sample[label_field]
            if labels is not None and labels.detections:
                _collect_image(sample, labels.detections, proposals, setups, reading, collected)
            advance()
    nothing = np.zeros((0, bank.width), dtype=np.float32)
    return PredictionFeatures(
        tuple(collected.ids),
        tuple(collected.sample_ids),
        tuple(collected.labels),
        np.concatenate([nothing, *collected.features]),
        collected.left_out,
    )


def _collect_image(
    sample: fos.Sample | fos.SampleView,
    detections: Sequence[fol.Detection],
    store: ProposalStore,
    setups: Sequence[ProposalSetup],
    reading: ImageReading,
    collected: _FeatureRows,
) -> None:
    """Add one image's predictions."""
    try:
        key = image_key(sample.filepath, reading) if setups else ""
        size = image_size(sample.filepath) if setups else None
    except InputError:
        return collected.leave_out(UNREADABLE, len(detections))
    # An image may have been segmented with several settings: a mask may come from any of them.
    stored = (store.get(setup, key, size=size, width=collected.width) for setup in setups)
    found = [proposals for proposals in stored if proposals is not None]
    if not found:
        return collected.leave_out(NO_PROPOSALS, len(detections))
    masked = _detection_masks(detections, found[0].image_size, collected)
    rows = find_masks(
        [mask for _, mask in masked],
        [mask for proposals in found for mask in proposals.masks],
        MIN_IOU,
    )
    known = [(detection, row) for (detection, _), row in zip(masked, rows, strict=True) if row >= 0]
    collected.leave_out(NO_PROPOSAL, len(masked) - len(known))
    collected.ids += [detection.id for detection, _ in known]
    collected.sample_ids += [sample.id] * len(known)
    collected.labels += [str(detection.label) for detection, _ in known]
    features = np.concatenate([stored.features for stored in found])
    collected.features.append(features[[row for _, row in known]])


def _detection_masks(
    detections: Sequence[fol.Detection], size: Size, collected: _FeatureRows
) -> list[tuple[fol.Detection, RLE]]:
    """Detections with their masks; those that have none are left out."""
    masked = []
    for detection in detections:
        try:
            placed = detection_crop(detection, size)
        except InputError:
            collected.leave_out(UNREADABLE, 1)
            continue
        if placed is None:
            collected.leave_out(NO_MASK, 1)
        else:
            masked.append((detection, encode_crop(*placed, size)))
    return masked
