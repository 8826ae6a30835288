"""Segment the images of a view with a memory bank."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import numpy as np
from numpy.typing import NDArray

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.proposals import propose
from fiftyone_ntt.core.settings import MatchSettings, ProposalSettings, check_mode
from fiftyone_ntt.dataset.banks import load_memory_bank
from fiftyone_ntt.dataset.detections import ATTRIBUTES, match_detections
from fiftyone_ntt.dataset.fields import check_new_field, check_whole_images
from fiftyone_ntt.dataset.model_choice import models_of_bank
from fiftyone_ntt.dataset.progress import Progress
from fiftyone_ntt.dataset.run_record import RunRecord
from fiftyone_ntt.dataset.runner import SegmentReport, run_over
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.bank_file import bank_bytes

METHOD = "ntt_segment"
"""What marks a custom run as a segmentation: `dataset.list_runs(method=METHOD)`."""


def segment(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    label_field: str = "predictions",
    *,
    models: str | Models | None = None,
    device: str = "cpu",
    mode: str = "paper",
    points_per_side: int = 32,
    confidence_thresh: float = 0.0,
    overwrite: bool = False,
    chunk_size: int = 16,
    progress: Progress = None,
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
            (similarity to the best class minus that to the second), `nearest_reference` (label id)
            and `run` (key of the custom run that records this).
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run: `cpu`, `cuda`, `auto`, ...
        mode: `"paper"`, the published method.
        points_per_side: prompts per row and column of the grid.
        confidence_thresh: leave out detections below this confidence, 0..1.
        overwrite: replace detections that did not come from this run.
        chunk_size: images per write to the database.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        Counts, and the reason for each image that failed. No images is a valid input.

    Raises:
        InputError: the samples, the field or a setting do not fit; or samples already hold other
            detections and `overwrite` is False.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> import fiftyone_ntt as ntt  # doctest: +SKIP
        >>> print(ntt.segment(dataset, "boats", "predictions"))  # doctest: +SKIP
        predictions: 512 detections in 100 of 100 images; 61.0 s (run ntt_predictions_1f0c7a3e)
    """
    check_whole_images(samples, "segmenting")
    dataset = samples._root_dataset
    check_new_field(dataset, label_field)
    if isinstance(bank, str):
        bank = load_memory_bank(dataset, bank)
    pipeline = Pipeline(
        bank,
        models_of_bank(bank, models, device),
        ProposalSettings(points_per_side=points_per_side),
        MatchSettings(confidence_threshold=confidence_thresh),
        check_mode(mode),
    )
    record = RunRecord(
        dataset,
        label_field,
        METHOD,
        ingredients=pipeline.ingredients(),
        notes={"bank": bank.name, "classes": list(bank.classes)},
    )
    ids, paths = samples.values(["id", "filepath"])
    return run_over(
        record,
        ids,
        paths,
        lambda _, image: pipeline.detect(image, record.key),
        attributes=ATTRIBUTES,
        overwrite=overwrite,
        chunk_size=chunk_size,
        progress=progress,
    )


@dataclass(frozen=True, eq=False)
class Pipeline:
    """An image to detections: the method with everything that decides its result."""

    bank: MemoryBank
    models: Models
    proposal_settings: ProposalSettings
    match_settings: MatchSettings
    mode: str

    def detect(self, image: NDArray[np.uint8], run: str | None = None) -> fol.Detections:
        """Detections of an RGB image, uint8 `[H, W, 3]`; see `match_detections`."""
        proposals = propose(
            image, self.models.segmenter, self.models.encoder, self.proposal_settings
        )
        return match_detections(match(proposals, self.bank, self.match_settings), self.bank, run)

    def ingredients(self) -> dict[str, Any]:
        """JSON values that decide the detections of any image; the bank counts by its content."""
        content = replace(self.bank, name="", models={}, notes=())
        proposal_settings = asdict(self.proposal_settings)
        del proposal_settings["prompts_per_batch"]  # decides memory and speed only
        return {
            "bank_hash": hashlib.sha256(bank_bytes(content)).hexdigest(),
            "encoder": self.models.encoder.identity,
            "segmenter": self.models.segmenter.identity,
            "mode": self.mode,
            "proposal_settings": proposal_settings,
            "match_settings": asdict(self.match_settings),
        }
