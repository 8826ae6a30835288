"""Boxes to masks over a view (method 8)."""

from __future__ import annotations

from functools import partial
from typing import Any

import fiftyone.core.collections as foc
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
import numpy as np
from numpy.typing import NDArray

from fiftyone_ntt.core.boxes import masks_from_boxes
from fiftyone_ntt.core.images import read_image
from fiftyone_ntt.dataset.fields import check_new_field, check_whole_images, label_field_type
from fiftyone_ntt.dataset.masks import pixel_box
from fiftyone_ntt.dataset.model_choice import resolve_models
from fiftyone_ntt.dataset.progress import Progress
from fiftyone_ntt.dataset.run_record import RunRecord
from fiftyone_ntt.dataset.runner import SegmentReport, run_over
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models

METHOD = "ntt_boxes_to_masks"
"""What marks a custom run as boxes to masks: `dataset.list_runs(method=METHOD)`."""


def boxes_to_masks(
    samples: foc.SampleCollection,
    box_field: str,
    mask_field: str,
    *,
    models: str | Models = "paper",
    device: str = "cpu",
    overwrite: bool = False,
    chunk_size: int = 16,
    progress: Progress = None,
) -> SegmentReport:
    """Write a mask for every box of a view, leaving the boxes' field as it is.

    Can be interrupted and started again, and reports failures, like `segment`.

    Args:
        samples: a dataset or view of images.
        box_field: Detections. Those that already have a mask keep it.
        mask_field: a new or existing Detections field. Each detection is a copy of a box, with its
            label, confidence and attributes, a pixel-exact mask and the box around that mask; its
            attribute `box_id` is the id of the box it was made from, `run` the run that made it.
        models: a named set or loaded models; only the segmenter is used.
        device: where a named set runs: `cpu`, `cuda`, `auto`, ...
        overwrite: replace detections that did not come from this run.
        chunk_size: images per write to the database.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        Counts, and the reason for each image that failed.

    Raises:
        InputError: the samples or fields do not fit; or samples already hold other detections in
            `mask_field` and `overwrite` is False.
        ModelError: the models cannot be loaded.

    Example:
        >>> import fiftyone_ntt as ntt  # doctest: +SKIP
        >>> print(ntt.boxes_to_masks(view, "boxes", "masks", models="small"))  # doctest: +SKIP
        masks: 24 detections in 6 of 6 images; 12.3 s (run ntt_masks_0c55d1e2)
    """
    check_whole_images(samples, "making masks of boxes")
    dataset = samples._root_dataset
    label_field_type(samples, box_field, (fol.Detections,))
    check_new_field(dataset, mask_field)
    if mask_field == box_field:
        raise InputError(
            f"boxes and masks are both {box_field!r}. Pass another `mask_field`; the boxes stay."
        )
    segmenter = resolve_models(models, device).segmenter
    ingredients = {"box_field": box_field, "segmenter": segmenter.identity}
    record = RunRecord(dataset, mask_field, METHOD, ingredients, notes={})

    def compute(sample_id: str, image: NDArray[np.uint8]) -> fol.Detections:
        boxes = samples[sample_id][box_field]
        return _with_masks(boxes.detections if boxes else [], image, segmenter, record.key)

    ids, paths = samples.values(["id", "filepath"])
    return run_over(
        record,
        ids,
        paths,
        partial(read_image, oriented=True),
        compute,
        attributes={"box_id": fof.StringField},
        overwrite=overwrite,
        chunk_size=chunk_size,
        progress=progress,
    )


def _with_masks(
    boxes: list[fol.Detection], image: NDArray[np.uint8], segmenter: Any, run: str
) -> fol.Detections:
    bare = [box for box in boxes if not box.has_mask]
    size = (image.shape[0], image.shape[1])
    areas = [pixel_box(box.bounding_box, size) for box in bare]
    masks = masks_from_boxes(image, areas, segmenter)
    made = {box.id: mask for box, mask in zip(bare, masks, strict=True)}
    return fol.Detections(detections=[_copy(box, made.get(box.id), run) for box in boxes])


def _copy(box: fol.Detection, mask: NDArray[np.bool_] | None, run: str) -> fol.Detection:
    """The box's detection with a mask, under an id of its own."""
    copy = box.copy()
    if mask is not None:
        exact = fol.Detection.from_mask(mask)
        copy.bounding_box, copy.mask = exact.bounding_box, exact.mask
    copy["box_id"], copy["run"] = box.id, run
    return copy
