"""Boxes to masks over a view (method 8)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import itemgetter
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
import numpy as np
from fiftyone import ViewField as F
from jaxtyping import UInt8

from fiftyone_ntt.core.box_agreement import LOW_AGREEMENT, agreement_lines, mean_agreement
from fiftyone_ntt.core.box_masks import BoxMask, masks_from_boxes
from fiftyone_ntt.core.rle import decode_crops, rle_boxes
from fiftyone_ntt.core.windows import Box
from fiftyone_ntt.dataset.labels.detections import PROPOSAL, Document
from fiftyone_ntt.dataset.labels.digests import DIGEST
from fiftyone_ntt.dataset.labels.fields import (
    SHAPE_TYPES,
    check_whole_images,
    label_field_type,
    labels_path,
)
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.masks import (
    NamedLabel,
    Size,
    label_box,
    label_crop,
    relative_box,
)
from fiftyone_ntt.dataset.labels.names import AGREEMENT, BOX_ID, check_new_predictions
from fiftyone_ntt.dataset.labels.ownership import WRITTEN_TAGS
from fiftyone_ntt.dataset.labels.prediction_writing import WritePolicy
from fiftyone_ntt.dataset.references.label_names import LabelNames
from fiftyone_ntt.dataset.references.reference_reading import labels_of
from fiftyone_ntt.dataset.runs.run_record import RunRecord
from fiftyone_ntt.dataset.runs.runner import SegmentReport, prefetch_loader, run_over_images
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.model_resolution import resolve_models
from fiftyone_ntt.dataset.work.progress import Progress
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models

DONE = "done_boxes"
"""Attribute of a sample's masks: ids of the boxes they were made of."""

ATTRIBUTES: dict[str, type[fof.Field]] = {BOX_ID: fof.StringField, AGREEMENT: fof.FloatField}
"""What each detection carries of the box it was made of."""

METHOD = "ntt_boxes_to_masks"
"""What marks a custom run as boxes to masks: `dataset.list_runs(method=METHOD)`."""


@dataclass(frozen=True)
class BoxesReport(SegmentReport):
    """What `boxes_to_masks` did, and how well the masks of these samples fit their boxes.

    Attributes:
        agreement: mean IoU of the boxes and their masks' boxes, by class; without those that had
            masks before. Of earlier, interrupted runs too.
        low: ids of the detections that agree least, below 0.5, and by how much; worst first.
            `<label id>@<sample id>` of those that share their id with one of another sample.
    """

    agreement: dict[str, float] = field(default_factory=dict)
    low: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        head, *lines = super().__str__().splitlines()
        told = agreement_lines(self.agreement, self.low)
        if self.agreement:
            head += f"; {told.pop(0)}"
        lines += [f"  {line}" for line in told]
        return "\n".join([head, *lines])


@needs_database
def boxes_to_masks(
    samples: foc.SampleCollection,
    box_field: str,
    mask_field: str,
    *,
    models: str | Models = "paper",
    device: str = "cpu",
    overwrite: bool = False,
    replace_reviewed: bool = False,
    chunk_size: int = 16,
    progress: Progress = None,
) -> BoxesReport:
    """Write a mask for every box of a view, leaving the boxes' field as it is.

    Can be interrupted and started again, and reports failures, like `segment`.

    Args:
        samples: a dataset or view of images.
        box_field: Detections, of which those that already have a mask keep it; or closed
            Polylines, of which the boxes around them are taken.
        mask_field: a new or existing Detections field. Each detection is a copy of a box, with its
            label, confidence and attributes, a pixel-exact mask and the box around that mask; its
            attribute `box_id` is the id of the box it was made from, `run` the run that made it,
            and `box_agreement` the IoU of the box and the mask's box: 0 where the segmenter drew
            nothing and the box itself is the mask, None where there was a mask before.
        models: a named set or loaded models; only the segmenter is used.
        device: where a named set runs: `cpu`, `cuda`, `auto`, ...
        overwrite, replace_reviewed: see `segment`.
        chunk_size: images per write to the database.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        Counts, the reason for each image that failed, and how well masks and boxes agree.

    Raises:
        InputError: the samples or fields do not fit; or samples already hold other detections in
            `mask_field` and `overwrite` is False.
        ModelError: the models cannot be loaded.

    Example:
        >>> print(ntt.boxes_to_masks(view, "boxes", "masks", models="demo"))
        masks: 11 detections in 3 of 3 images; ... s (run ntt_masks_...);
        masks and boxes agree by fish ..., kite ..., mushroom ...
          ... agree by less than 0.5, look at these: ...
    """
    check_whole_images(samples, "making masks of boxes")
    dataset = samples._root_dataset
    label_field_type(samples, box_field, SHAPE_TYPES)
    check_new_predictions(dataset, mask_field, ATTRIBUTES)
    if mask_field == box_field:
        raise InputError(
            f"boxes and masks are both {box_field!r}. Pass another `mask_field`; the boxes stay."
        )
    segmenter = resolve_models(models, device).segmenter
    ingredients = {"box_field": box_field, "segmenter": segmenter.identity}
    record = RunRecord(dataset, mask_field, METHOD, ingredients, notes={})

    done = _finished_boxes(dataset, mask_field, record.key)

    def compute(sample_id: str, image: UInt8[np.ndarray, "H W 3"]) -> Document:
        """A sample's boxes with masks, those that have none yet."""
        boxes, known = _boxes(samples, sample_id, box_field), done.get(sample_id, [])
        new = [box for box in labels_of(boxes) if box.id not in known]
        return {
            "_cls": "Detections",
            "detections": _with_masks(new, image, segmenter, record.key),
            DONE: [*known, *(box.id for box in new)],
        }

    path = labels_path(samples, box_field)
    ids, paths, box_ids = samples.values(["id", "filepath", f"{path}.id"])
    again = [
        key
        for key, found in zip(ids, box_ids, strict=True)
        if set(found or ()) - set(done.get(key, ()))
    ]
    report = run_over_images(
        record,
        ids,
        paths,
        prefetch_loader(image_reading(samples).read),
        compute,
        attributes=ATTRIBUTES,
        policy=WritePolicy(record.key, overwrite, replace_reviewed, add=True),
        chunk_size=chunk_size,
        progress=progress,
        again=again,
    )
    counted = {item.name: getattr(report, item.name) for item in fields(report)}
    agreement, low = _agreements(samples, mask_field, record.key)
    return BoxesReport(**counted, agreement=agreement, low=low)


def _boxes(
    samples: foc.SampleCollection, sample_id: str, box_field: str
) -> fol.Detections | fol.Polylines | None:
    """The boxes of a sample, as they are now.

    Raises:
        InputError: it is not there any more, or the field is not.
    """
    try:
        boxes: fol.Detections | fol.Polylines | None = samples[sample_id][box_field]
    except KeyError as error:
        raise InputError(
            f"the sample, or its field {box_field!r}, was deleted or left the view meanwhile"
        ) from error
    return boxes


def _finished_boxes(dataset: fo.Dataset, mask_field: str, run: str) -> dict[str, list[str]]:
    """Ids of the boxes that a run has made masks of, by sample id; masks that somebody deleted
    since count. Of all samples: a view may show fewer boxes now than then."""
    root = f"{mask_field}.detections"
    rows = dataset._sample_collection.find(
        {f"{mask_field}.run": run}, {f"{mask_field}.{DONE}": 1, f"{root}.{BOX_ID}": 1}
    )
    found = {}
    for row in rows:
        value = row[mask_field]
        # Runs of earlier versions kept no list.
        made = [label.get(BOX_ID) for label in value.get("detections") or ()]
        found[str(row["_id"])] = value.get(DONE) or [box for box in made if box is not None]
    return found


def _agreements(
    samples: foc.SampleCollection, mask_field: str, run: str
) -> tuple[dict[str, float], dict[str, float]]:
    """`agreement` and `low` of a run's detections on these samples."""
    if samples.get_field(f"{mask_field}.detections.{AGREEMENT}") is None:
        return {}, {}
    root = f"{mask_field}.detections"
    written = samples.match(F(f"{mask_field}.run") == run)
    columns = written.values(["id", *(f"{root}.{name}" for name in ("id", "label", AGREEMENT))])
    rows = [
        (value, label_id, sample_id, str(label))
        for sample_id, *of_labels in zip(*columns, strict=True)
        for label_id, label, value in zip(*(column or [] for column in of_labels), strict=True)
        if value is not None
    ]
    low = sorted((row for row in rows if row[0] < LOW_AGREEMENT), key=itemgetter(0))
    means = mean_agreement((label, value) for value, *_, label in rows)
    names = LabelNames(samples._root_dataset, mask_field, {row[1] for row in low})
    return means, {names.of(label_id, sample_id): value for value, label_id, sample_id, _ in low}


def _with_masks(
    boxes: list[fol.Detection | fol.Polyline],
    image: UInt8[np.ndarray, "H W 3"],
    segmenter: Any,
    run: str,
) -> list[Document]:
    """Copies of the boxes with masks, each packed before the next is drawn."""
    size = (image.shape[0], image.shape[1])
    areas, bare = [], []
    for box in boxes:
        with NamedLabel(box):
            if isinstance(box, fol.Polyline) or not _has_pixels(box, size):
                bare.append(box)
                areas.append(_prompt(box, size))
    masks = masks_from_boxes(image, areas, segmenter)
    made = {box.id: mask for box, mask in zip(bare, masks, strict=True)}
    return [dict(_copy(box, made.get(box.id), run).to_mongo()) for box in boxes]


def _has_pixels(box: fol.Detection, size: Size) -> bool:
    placed = label_crop(box, size)
    return placed is not None and bool(placed[0].any())


def _prompt(box: fol.Detection | fol.Polyline, size: Size) -> Box:
    if relative_box(box) is None:
        raise InputError("it has no box of finite numbers. Draw one, or remove this label.")
    return label_box(box, size)


def _copy(box: fol.Detection | fol.Polyline, made: BoxMask | None, run: str) -> fol.Detection:
    """The box's detection with a mask, under an id of its own."""
    copy = _as_detection(box) if isinstance(box, fol.Polyline) else box.copy()
    if made is not None:
        height, width = made.rle["size"]
        corners = rle_boxes([made.rle])
        [copy.mask] = decode_crops([made.rle], corners)
        (x, y), (h, w) = corners[0, :2].tolist(), copy.mask.shape
        copy.bounding_box = [x / width, y / height, w / width, h / height]
        copy[AGREEMENT] = made.agreement
    copy[BOX_ID], copy["run"] = box.id, run
    # Of a box that is itself a prediction: the copy's own are still to come.
    for name in (DIGEST, PROPOSAL, WRITTEN_TAGS):
        if copy.get_attribute_value(name, None) is not None:
            copy[name] = None
    return copy


def _as_detection(polyline: fol.Polyline) -> fol.Detection:
    """A detection with what a polyline says of its object, but no place yet."""
    own = {"id", "points", "closed", "filled"}
    given = {name: value for name, value in polyline.iter_fields() if name not in own}
    return fol.Detection(**{name: value for name, value in given.items() if value is not None})
