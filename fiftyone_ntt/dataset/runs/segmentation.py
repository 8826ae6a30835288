"""Segment the images of a view with a memory bank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fiftyone as fo
import fiftyone.core.collections as foc

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.core.pipeline import Matcher, Pipeline
from fiftyone_ntt.core.settings import MatchSettings, ProposalSettings, check_mode
from fiftyone_ntt.dataset.banks.saved_banks import resolve_bank
from fiftyone_ntt.dataset.labels.detections import ATTRIBUTES
from fiftyone_ntt.dataset.labels.fields import check_whole_images
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.names import check_new_predictions
from fiftyone_ntt.dataset.labels.prediction_writing import WritePolicy
from fiftyone_ntt.dataset.runs.labelling_work import Labelling
from fiftyone_ntt.dataset.runs.run_calls import note_call
from fiftyone_ntt.dataset.runs.run_record import RunRecord
from fiftyone_ntt.dataset.runs.runner import SegmentReport, run_over_images
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.model_resolution import models_of_bank
from fiftyone_ntt.dataset.work.progress import Progress
from fiftyone_ntt.dataset.work.proposing import StoreChoice, store_of_mode
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.proposal_source import ProposalSource
from fiftyone_ntt.store.run_identity import run_ingredients
from fiftyone_ntt.workers.processes import Engine, check_workers

METHOD = "ntt_segment"
"""What marks a custom run as a segmentation: `dataset.list_runs(method=METHOD)`."""


@needs_database
def segment(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    label_field: str = "predictions",
    *,
    models: str | Models | None = None,
    device: str = "cpu",
    mode: str = "paper",
    points_per_side: int = 32,
    crops: int = 0,
    confidence_thresh: float | Mapping[str, float] = 0.0,
    one_per_object: bool = False,
    least_island: float = 0.0,
    fill_holes: bool = False,
    store: StoreChoice = True,
    overwrite: bool = False,
    replace_reviewed: bool = False,
    chunk_size: int = 16,
    progress: Progress = None,
    workers: int = 1,
    engine: Engine = "processes",
) -> SegmentReport:
    """Write an instance mask for everything in a view that resembles a bank's references.

    The run can be interrupted and started again: images that have its detections are left
    untouched. What makes it the same run is the bank's content, the models and the settings. An
    image that cannot be read is reported and the run goes on.

    Args:
        samples: a dataset or view of images; no other sample is written.
        bank: a bank, or the name of one saved on the dataset.
        label_field: a new or existing Detections field. Each detection gets a pixel-exact mask, a
            confidence, and the attributes `runner_up` (second-best class or None), `margin`
            (similarity to the best class minus that to the second), `nearest_reference` (as the
            bank names it: a label's id) and `run` (key of the custom run that records this).
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run: `cpu`, `cuda`, `auto`, ...
        mode: `"paper"`, the published method; `"best"`, more accurate on the same proposals (see
            `docs/accuracy.md`), whose confidences are smaller; or `"adaptive"`, several times
            faster and not exact: prompts only where a patch of the image resembles a class and no
            mask found so far explains it. Its proposals serve this bank alone, so they are not
            kept for `relabel`.
        points_per_side: prompts per row and column of the grid.
        crops: parts of half the picture's side that are looked at besides the whole: 0, 4 or 9.
            They find small objects; each costs as much time as the whole picture.
        confidence_thresh: leave out detections below this confidence, 0..1: one for all classes, or
            by class, such as `calibrate(...).thresholds(0.9)`; a class that is not named keeps all.
        one_per_object: of detections whose masks have an IoU above 0.5, whatever their classes,
            only write the one of the highest confidence.
        least_island: drop separate pieces of a mask that have less than this share of its pixels,
            0..1.
        fill_holes: make background that a mask encloses part of it.
        store: where to keep the images' proposals, from which `relabel` and later runs start: True
            for the default store (`~/.fiftyone-ntt/proposals`, or where the environment variable
            `FIFTYONE_NTT_PROPOSALS` says), a folder, a store, or False for none. Mode `"adaptive"`
            neither reads nor fills a store.
        overwrite: replace predictions of other runs. Labels that no run wrote always stay, and so
            do predictions that somebody tagged or edited; beside those, no detection is written
            that shows the same object.
        replace_reviewed: with `overwrite`, also replace predictions that somebody tagged or edited.
        chunk_size: images per write to the database.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.
        workers: processes that compute, on the CPU: each loads models of its own, which takes a few
            seconds and their memory, and computes with its share of the cores; this one writes. An
            image of which two workers died is reported as failed.
        engine: what workers are started with: `"processes"` of this machine.

    Returns:
        Counts, and the reason for each image that failed. No images is a valid input.

    Raises:
        InputError: the samples, the field or a setting do not fit; or samples already hold other
            detections and `overwrite` is False.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> print(ntt.segment(view, "shapes", "found"))
        found: ... detections in 3 of 3 images; ... s (run ntt_found_...)
        >>> view.distinct("found.detections.label")
        ['fish', 'mushroom']
    """
    call = note_call(
        samples,
        "segment",
        models=models,
        device=device,
        mode=mode,
        points_per_side=points_per_side,
        crops=crops,
        confidence_thresh=confidence_thresh,
        one_per_object=one_per_object,
        least_island=least_island,
        fill_holes=fill_holes,
        store=store,
        overwrite=overwrite,
        replace_reviewed=replace_reviewed,
        chunk_size=chunk_size,
        workers=workers,
        engine=engine,
    )
    check_whole_images(samples, "segmenting")
    check_workers(workers, engine)
    dataset = samples._root_dataset
    check_new_predictions(dataset, label_field, ATTRIBUTES)
    bank = resolve_bank(dataset, bank)
    chosen = models_of_bank(bank, models, device)
    pipeline = Pipeline(
        bank,
        chosen.encoder,
        chosen.segmenter,
        check_mode(mode),
        ProposalSettings(points_per_side=points_per_side, crops=crops),
        MatchSettings(
            confidence_threshold=confidence_thresh,
            one_per_object=one_per_object,
            least_island=least_island,
            fill_holes=fill_holes,
        ),
    )
    reading = image_reading(dataset)
    source = ProposalSource(pipeline, store_of_mode(store, pipeline.mode), reading)
    record = segmentation_record(
        dataset,
        label_field,
        pipeline.matcher,
        reading,
        rounded=source.store is not None,
        call=call,
    )
    ids, paths = samples.values(["id", "filepath"])
    labelling = Labelling(source, record.key)
    report = run_over_images(
        record,
        ids,
        paths,
        labelling.loader(chosen, workers),
        labelling.compute,
        attributes=ATTRIBUTES,
        policy=WritePolicy(record.key, overwrite, replace_reviewed),
        chunk_size=chunk_size,
        progress=progress,
    )
    if source.store is not None and report.written:
        source.store.keep_within_limit()
    return report


def segmentation_record(
    dataset: fo.Dataset,
    label_field: str,
    matcher: Matcher,
    reading: ImageReading,
    *,
    rounded: bool,
    call: dict[str, Any] | None,
) -> RunRecord:
    """The record of a segmentation, whether its proposals are computed or stored.

    Args:
        dataset: written to.
        label_field: written to.
        matcher: decides the detections.
        reading: how the images become pixels.
        rounded: whether the proposals pass through a store.
        call: that makes it; see `note_call`.
    """
    return RunRecord(
        dataset,
        label_field,
        METHOD,
        ingredients=run_ingredients(matcher, reading, rounded=rounded),
        notes={
            "bank": matcher.bank.name,
            "classes": list(matcher.bank.classes),
            "call": call,
        },
    )
