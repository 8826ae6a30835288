"""Segmenting each reference's own image with the bank of the references on other images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import fiftyone as fo
import numpy as np
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.mask_objects import objects_of, predicted_objects
from fiftyone_ntt.coco.scorer import Scorer
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.box_masks import mask_from_box
from fiftyone_ntt.core.matching import Match
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.prefetch import prefetched
from fiftyone_ntt.core.rle import RLE, encode_masks
from fiftyone_ntt.core.self_check import SelfCheck, check_reference
from fiftyone_ntt.core.settings import Mode, ProposalSettings
from fiftyone_ntt.dataset.labels.fields import all_images
from fiftyone_ntt.dataset.references.label_lookup import LabelPlace, find_labels
from fiftyone_ntt.dataset.references.label_names import full_name
from fiftyone_ntt.dataset.references.reference_reading import read_references
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.dataset.work.proposing import StoreChoice, store_of_mode
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.proposal_source import ProposalSource

_NEAR = 0.1
"""IoU with a reference from which a prediction counts for AP: what lies elsewhere on a reference's
image may be an object that nobody labelled."""


@dataclass(frozen=True)
class CheckSettings:
    """How the images are segmented; see `segment`."""

    mode: Mode
    points_per_side: int
    crops: int
    store: StoreChoice


@dataclass(frozen=True)
class CheckedReferences:
    """What was found.

    Attributes:
        checks: by the reference's id; none of one that is alone of its class on other images.
        ap: mask AP of those; -1 where there are none.
        missing: references whose label or image is gone.
    """

    checks: dict[str, SelfCheck]
    ap: float
    missing: tuple[str, ...]


@dataclass(frozen=True)
class _Known:
    """A reference and its mask."""

    row: int
    id: str
    mask: RLE


def check_references(
    dataset: fo.Dataset,
    bank: MemoryBank,
    models: Models,
    settings: CheckSettings,
    progress: Progress = None,
) -> CheckedReferences:
    """Look for every reference of a bank with the others; see `CheckedReferences`.

    Raises:
        InputError: an image cannot be read, or the store's folder holds other things.
    """
    known = _read(dataset, bank, models)
    paths = dict(
        zip(*all_images(dataset).select(list(known)).values(["id", "filepath"]), strict=True)
    )
    pipeline = Pipeline(
        bank,
        models.encoder,
        models.segmenter,
        settings.mode,
        ProposalSettings(points_per_side=settings.points_per_side, crops=settings.crops),
    )
    store = store_of_mode(settings.store, settings.mode)
    source = ProposalSource(pipeline, store, image_reading(dataset))
    checks: dict[str, SelfCheck] = {}
    scorer = Scorer("masks")
    loaded = prefetched(list(paths.values()), source.load)
    with progress_steps(len(paths), progress) as advance:
        for sample_id, (_, found) in zip(paths, loaded, strict=True):
            proposals = source.proposals(found.result())
            here = known[sample_id]
            rows = [one.row for one in here]
            if len(rows) < len(bank.references):
                others = bank.without_references(rows)
                match = pipeline.matcher.with_bank(others)(proposals)
                tried = [one for one in here if _class(bank, one) in others.classes]
                for one in tried:
                    checks[one.id] = check_reference(match, others.classes, one.mask)
                _score(scorer, bank, tried, match, others.classes)
            advance()
    present = {one.id for group in known.values() for one in group}
    missing = tuple(name for name in bank.references.ids if name not in present)
    return CheckedReferences(checks, scorer.scores().metrics["AP"] if checks else -1.0, missing)


def _class(bank: MemoryBank, one: _Known) -> str:
    return bank.classes[bank.references.classes[one.row]]


def _read(dataset: fo.Dataset, bank: MemoryBank, models: Models) -> dict[str, list[_Known]]:
    """The references by the sample that they lie on."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(bank.references.ids):
        rows[name].append(row)
    known: dict[str, list[_Known]] = defaultdict(list)
    images = all_images(dataset)
    for field, places in find_labels(images, list(rows)).items():
        names = _by_either_name(places)
        wanted = {full_name(place.label_id, place.sample_id) for place in places.values()}
        view = images.select(list({place.sample_id for place in places.values()}))
        for group in read_references(view, field, label_ids=wanted).values():
            for reference in group:
                mask = reference.mask
                if mask is None:
                    mask = mask_from_box(reference.image, reference.box, models.segmenter)
                [packed] = encode_masks(mask[None])
                for name in names[reference.id]:
                    known[places[name].sample_id] += [
                        _Known(row, name, packed) for row in rows[name]
                    ]
    return known


def _by_either_name(places: dict[str, LabelPlace]) -> dict[str, list[str]]:
    """A bank's names of labels by their ids and by their full names."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, place in places.items():
        for key in (place.label_id, full_name(place.label_id, place.sample_id)):
            names[key].append(name)
    return names


def _score(
    scorer: Scorer,
    bank: MemoryBank,
    tried: Sequence[_Known],
    match: Match,
    classes: tuple[str, ...],
) -> None:
    """Count the references of an image, and what was predicted where they are."""
    if not tried:
        return
    masks = list({one.id: one.mask for one in tried}.values())
    labels = list({one.id: _class(bank, one) for one in tried}.values())
    near: list[int] = []
    if len(match):
        ious = np.asarray(coco_mask.iou(match.masks, masks, [0] * len(masks)))
        near = np.flatnonzero(ious.max(axis=1) >= _NEAR).tolist()
    found = predicted_objects(match, classes)
    scorer.add(objects_of(masks, labels), [found[row] for row in near])
