"""Boxes to masks over a view (method 8)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import itemgetter

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.fields as fof
from fiftyone import ViewField as F

from fiftyone_ntt.core.box_agreement import LOW_AGREEMENT, agreement_lines, mean_agreement
from fiftyone_ntt.dataset.labels.fields import (
    SHAPE_TYPES,
    check_whole_images,
    label_field_type,
    labels_path,
)
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.names import AGREEMENT, BOX_ID, check_new_predictions
from fiftyone_ntt.dataset.labels.prediction_writing import WritePolicy
from fiftyone_ntt.dataset.references.label_names import LabelNames
from fiftyone_ntt.dataset.runs.box_work import DONE, BoxMasking
from fiftyone_ntt.dataset.runs.run_calls import note_call
from fiftyone_ntt.dataset.runs.run_record import RunRecord
from fiftyone_ntt.dataset.runs.runner import SegmentReport, run_over_images
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.model_resolution import resolve_models
from fiftyone_ntt.dataset.work.progress import Progress
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.workers.processes import Engine, check_workers

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
    workers: int = 1,
    engine: Engine = "processes",
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
        workers, engine: see `segment`.

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
    call = note_call(
        samples,
        "boxes_to_masks",
        box_field=box_field,
        models=models,
        device=device,
        overwrite=overwrite,
        replace_reviewed=replace_reviewed,
        chunk_size=chunk_size,
        workers=workers,
        engine=engine,
    )
    check_whole_images(samples, "making masks of boxes")
    check_workers(workers, engine)
    dataset = samples._root_dataset
    label_field_type(samples, box_field, SHAPE_TYPES)
    check_new_predictions(dataset, mask_field, ATTRIBUTES)
    if mask_field == box_field:
        raise InputError(
            f"boxes and masks are both {box_field!r}. Pass another `mask_field`; the boxes stay."
        )
    chosen = resolve_models(models, device)
    ingredients = {"box_field": box_field, "segmenter": chosen.segmenter.identity}
    record = RunRecord(dataset, mask_field, METHOD, ingredients, notes={"call": call})
    done = _finished_boxes(dataset, mask_field, record.key)
    masking = BoxMasking(samples, box_field, record.key, done, chosen.segmenter)
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
        masking.loader(image_reading(samples), chosen, workers),
        masking.compute,
        attributes=ATTRIBUTES,
        policy=WritePolicy(record.key, overwrite, replace_reviewed, add=True),
        chunk_size=chunk_size,
        progress=progress,
        again=again,
    )
    counted = {item.name: getattr(report, item.name) for item in fields(report)}
    agreement, low = _agreements(samples, mask_field, record.key)
    return BoxesReport(**counted, agreement=agreement, low=low)


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
