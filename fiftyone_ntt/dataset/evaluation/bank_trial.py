"""Trying banks on labelled images, without writing a label."""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import fiftyone.core.collections as foc

from fiftyone_ntt.coco.average_precision import CocoScores, prepared, score
from fiftyone_ntt.coco.results import coco_results
from fiftyone_ntt.coco.scorer import Candidate
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.prefetch import prefetched
from fiftyone_ntt.core.sampling import BORDER, MIN_SIZE
from fiftyone_ntt.core.settings import ProposalSettings, check_mode, is_stored_mode
from fiftyone_ntt.dataset.banks.bank_building import build_memory_bank
from fiftyone_ntt.dataset.files.coco_export import coco_content
from fiftyone_ntt.dataset.labels.fields import labels_path
from fiftyone_ntt.dataset.references.reference_sampling import draw_labels
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.proposing import StoreChoice, resolve_store
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.image_keys import image_key
from fiftyone_ntt.store.proposal_source import ProposalSource
from fiftyone_ntt.trials.trial_data import TrialContent, TrialImage


class BankTrial:
    """Labelled images to try banks on, and others to draw their references from.

    Proposals are computed once and kept in the store, so that the second bank takes seconds.

    Args:
        candidates: a view of labelled images that references are drawn from.
        targets: a view of labelled images to segment, none of them a candidate.
        label_field: Detections with masks, the truth of both.
        models: encoder and segmenter.
        points_per_side: prompts per row and column of the grid.
        crops: parts of the images that are looked at besides the whole, 0, 4 or 9; see `segment`.
        store: of the proposals; see `segment`. False computes all for every bank.
        min_size: see `sample_references`.
        border: likewise.

    Raises:
        InputError: an image is in both views, or a field does not fit.
    """

    def __init__(
        self,
        candidates: foc.SampleCollection,
        targets: foc.SampleCollection,
        label_field: str,
        models: Models,
        *,
        points_per_side: int = 32,
        crops: int = 0,
        store: StoreChoice = True,
        min_size: float = MIN_SIZE,
        border: float = BORDER,
    ) -> None:
        self._draw = partial(draw_labels, min_size=min_size, border=border)
        self._candidates, self._field, self._models = candidates, label_field, models
        self._settings = ProposalSettings(points_per_side=points_per_side, crops=crops)
        self._store = resolve_store(store)
        self._paths = targets.values("filepath")
        self._reading = image_reading(targets)
        shared = set(self._paths) & set(candidates.values("filepath"))
        if shared:
            raise InputError(
                f"{len(shared)} images are both candidates and targets, such as "
                f"{min(shared)}: a bank would be tried on its own references. Pass views that "
                "share no image."
            )
        self._truth = coco_content(targets, label_field)

    def bank(self, shots: int, seed: int) -> MemoryBank:
        """A bank of so many references per class, drawn as `sample_references` does."""
        chosen = self._draw(self._candidates, self._field, shots, seed)
        ids = [label.name for group in chosen.values() for label in group]
        return build_memory_bank(
            self._candidates, self._field, label_ids=ids, models=self._models, progress=False
        )

    def evaluate(
        self, bank: MemoryBank, advance: Callable[[], None] = lambda: None, mode: str = "paper"
    ) -> CocoScores:
        """COCO's figures of a bank on the targets.

        Args:
            bank: of the trial's encoder.
            advance: called after each image.
            mode: of the method; see `segment`.

        Raises:
            InputError: an image cannot be read: figures over the rest could not be compared.
        """
        models = self._models
        known = check_mode(mode)
        pipeline = Pipeline(bank, models.encoder, models.segmenter, known, self._settings)
        store = self._store if is_stored_mode(known) else None
        source = ProposalSource(pipeline, store, self._reading)
        ids = self._category_ids(bank)
        results = []
        loaded = prefetched(self._paths, source.load)
        for image, (_, found) in zip(self._truth["images"], loaded, strict=True):
            match = pipeline.matcher(source.proposals(found.result()))
            results += coco_results(match, image["id"], ids)
            advance()
        return score(self._truth, results)

    def content(self) -> TrialContent:
        """The targets and banks, as variants are tried on them.

        Raises:
            InputError: an image cannot be read, or a label has no mask.
        """
        truths = self._truths()
        images = [
            TrialImage(image_key(path, self._reading), truth, partial(self._reading.read, path))
            for path, truth in zip(self._paths, truths, strict=True)
        ]
        return TrialContent(images, self.bank)

    def _truths(self) -> list[list[Candidate]]:
        """The labelled objects of each target, by class name."""
        annotations, _ = prepared(self._truth, [])
        names = {row["id"]: row["name"] for row in self._truth["categories"]}
        found: dict[Any, list[Candidate]] = defaultdict(list)
        for row in annotations:
            if row["segmentation"] is None:
                raise InputError(
                    f"a {names[row['category_id']]!r} in field {self._field!r} is a box without a "
                    "mask, so mask AP cannot be measured. `boxes_to_masks` makes masks."
                )
            labelled = Candidate(
                names[row["category_id"]],
                row["segmentation"],
                row["bbox"],
                row["area"],
                bool(row["iscrowd"]),
            )
            found[row["image_id"]].append(labelled)
        return [found[image["id"]] for image in self._truth["images"]]

    def _category_ids(self, bank: MemoryBank) -> list[int]:
        """Classes that no target shows get ids of their own: they compete, but have no score."""
        ids = {row["name"]: row["id"] for row in self._truth["categories"]}
        following = max(ids.values(), default=0)
        for name in bank.classes:
            if name not in ids:
                following += 1
                ids[name] = following
        return [ids[name] for name in bank.classes]


def labels_hash(
    candidates: foc.SampleCollection,
    targets: foc.SampleCollection,
    field: str,
    others: list[Any],
) -> str:
    """Of all that decides a trial's scores: labels by their ids, classes, boxes and masks, and
    `others`, which are JSON values."""
    path = labels_path(candidates, field)
    lines = path.endswith(".polylines")
    columns = ["filepath", f"{path}.id", f"{path}.label"]
    columns.append(f"{path}.points" if lines else f"{path}.bounding_box")
    content = [[samples.values(columns) for samples in (candidates, targets)], others]
    digest = hashlib.sha256(json.dumps(content).encode())
    if not lines:
        for samples in (candidates, targets):
            _add_masks(digest, samples, path)
    return digest.hexdigest()


def _add_masks(digest: Any, samples: foc.SampleCollection, path: str) -> None:
    """Masks as the database or their files have them: to be told apart they stay packed."""
    kept = samples.values([f"{path}.mask", f"{path}.mask_path"], _raw=True)
    for masks, files in zip(*kept, strict=True):
        for mask, file in zip(masks or [], files or [], strict=True):
            on_disk = mask is None and file is not None and os.path.isfile(file)
            content = Path(file).read_bytes() if on_disk else mask
            digest.update(b"-" if content is None else hashlib.sha256(content).digest())
