"""Relabel: another bank over images whose proposals are stored, without running a network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import fiftyone.core.collections as foc

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.pipeline import Matcher
from fiftyone_ntt.core.settings import MatchSettings, check_stored_mode
from fiftyone_ntt.dataset.banks.saved_banks import resolve_bank
from fiftyone_ntt.dataset.labels.detections import ATTRIBUTES
from fiftyone_ntt.dataset.labels.fields import check_whole_images
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.names import check_new_predictions
from fiftyone_ntt.dataset.labels.prediction_writing import WritePolicy
from fiftyone_ntt.dataset.runs.run_calls import note_call
from fiftyone_ntt.dataset.runs.runner import SegmentReport, run_over_images
from fiftyone_ntt.dataset.runs.segmentation import segmentation_record
from fiftyone_ntt.dataset.runs.stored_matching import StoredMatcher
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.progress import Progress
from fiftyone_ntt.dataset.work.proposing import StoreChoice, resolve_store
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.stored_images import stored_setup
from fiftyone_ntt.workers.processes import Engine, check_workers


@needs_database
def relabel(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    label_field: str = "predictions",
    *,
    store: StoreChoice = True,
    mode: str = "paper",
    points_per_side: int = 32,
    crops: int = 0,
    confidence_thresh: float | Mapping[str, float] = 0.0,
    one_per_object: bool = False,
    least_island: float = 0.0,
    fill_holes: bool = False,
    overwrite: bool = False,
    replace_reviewed: bool = False,
    chunk_size: int = 64,
    progress: Progress = None,
    workers: int | None = None,
    engine: Engine = "processes",
) -> SegmentReport:
    """Segment again with a new or edited bank, from the proposals that `segment` stored.

    No network runs and no image is decoded, so a dataset takes seconds. The detections are those of
    a fresh `segment` with this bank, and the run is the same run: either may go on with the other.

    Args:
        samples: a dataset or view of images that `segment` has seen; one it has not is reported
            as failed.
        bank: a bank, or the name of one saved on the dataset.
        label_field: see `segment`.
        store: where the proposals are: True for the default store, a folder, or a store.
        mode: `"paper"`, the published method, or `"best"`, more accurate, which takes no proposals
            that a version before 0.4 stored; see `segment`.
        points_per_side: of the stored proposals.
        crops: of the stored proposals.
        confidence_thresh: leave out detections below this confidence; see `segment`.
        one_per_object, least_island, fill_holes: see `segment`.
        overwrite, replace_reviewed: see `segment`.
        chunk_size: images per write to the database.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.
        workers: processes that match; None for as many as are worth it.
        engine: see `segment`.

    Raises:
        InputError: nothing is stored for the bank's encoder and these settings, or the samples, the
            field or a setting do not fit; see `segment`.

    Example:
        >>> tagged = {"label_tags": "reference", "models": "demo"}
        >>> fish = ntt.build_memory_bank(dataset, "ground_truth", classes=["fish"], **tagged)
        >>> print(ntt.relabel(view, fish, "relabelled"))
        relabelled: ... detections in 3 of 3 images; ... s (run ntt_relabelled_...)
        >>> view.distinct("relabelled.detections.label")
        ['fish']
    """
    call = note_call(
        samples,
        "relabel",
        store=store,
        mode=mode,
        points_per_side=points_per_side,
        crops=crops,
        confidence_thresh=confidence_thresh,
        one_per_object=one_per_object,
        least_island=least_island,
        fill_holes=fill_holes,
        overwrite=overwrite,
        replace_reviewed=replace_reviewed,
        chunk_size=chunk_size,
        workers=workers,
        engine=engine,
    )
    check_whole_images(samples, "relabelling")
    check_workers(1 if workers is None else workers, engine)
    known_mode = check_stored_mode(mode)
    dataset = samples._root_dataset
    check_new_predictions(dataset, label_field, ATTRIBUTES)
    bank = resolve_bank(dataset, bank)
    proposals = resolve_store(store)
    if proposals is None:
        raise InputError("relabelling needs a store of proposals. Pass `store`.")
    setup = stored_setup(proposals, bank, points_per_side, crops)
    match_settings = MatchSettings(
        confidence_threshold=confidence_thresh,
        one_per_object=one_per_object,
        least_island=least_island,
        fill_holes=fill_holes,
    )
    matcher = Matcher(bank, setup, known_mode, match_settings)
    reading = image_reading(dataset)
    record = segmentation_record(dataset, label_field, matcher, reading, rounded=True, call=call)
    ids, paths = samples.values(["id", "filepath"])
    return run_over_images(
        record,
        ids,
        paths,
        partial(
            StoredMatcher(proposals, matcher, reading, record.key).match_images, workers=workers
        ),
        lambda _, document: document,
        attributes=ATTRIBUTES,
        policy=WritePolicy(record.key, overwrite, replace_reviewed),
        chunk_size=chunk_size,
        progress=progress,
    )
