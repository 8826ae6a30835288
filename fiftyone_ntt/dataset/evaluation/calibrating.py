"""What a bank's scores mean: the chance that a prediction is right, learned from labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone.core.collections as foc

from fiftyone_ntt.coco.judging import (
    judged_by_labels,
    judged_by_references,
    judged_by_the_rest,
)
from fiftyone_ntt.coco.scorer import Candidate
from fiftyone_ntt.core.bank import MemoryBank, negative_source
from fiftyone_ntt.core.calibration import Calibration, Judged, Setting, Source, calibrated
from fiftyone_ntt.core.images import known_size
from fiftyone_ntt.core.left_out import with_stand_ins
from fiftyone_ntt.core.matching import Match
from fiftyone_ntt.core.pipeline import Pipeline
from fiftyone_ntt.core.prefetch import prefetched
from fiftyone_ntt.core.settings import (
    MatchSettings,
    ProposalSettings,
    check_stored_mode,
)
from fiftyone_ntt.dataset.banks.saved_banks import resolve_bank
from fiftyone_ntt.dataset.banks.saved_calibrations import save_calibration
from fiftyone_ntt.dataset.labels.coco_labels import CROWD, label_shape
from fiftyone_ntt.dataset.labels.fields import (
    SHAPE_TYPES,
    all_images,
    check_whole_images,
    label_field_type,
)
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.references.label_lookup import find_labels
from fiftyone_ntt.dataset.references.reference_reading import labels_of
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.model_resolution import models_of_bank
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.dataset.work.proposing import StoreChoice, resolve_store
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models
from fiftyone_ntt.store.bank_identity import bank_hash
from fiftyone_ntt.store.proposal_source import ProposalSource

LEAST_REFERENCES = 5
"""Of each class, where there is nothing else to learn from."""


@needs_database
def calibrate(
    samples: foc.SampleCollection,
    bank: MemoryBank | str,
    gt_field: str | None = None,
    *,
    models: str | Models | None = None,
    device: str = "cpu",
    mode: str = "paper",
    points_per_side: int = 32,
    crops: int = 0,
    one_per_object: bool = False,
    least_island: float = 0.0,
    fill_holes: bool = False,
    store: StoreChoice = True,
    progress: Progress = None,
) -> Calibration:
    """Learn what a bank's scores mean: the chance that a prediction of a class is right.

    Right means: of the class of a true object and with a mask IoU of at least 0.5, each object
    once. Predictions keep their scores; `calibration.thresholds(0.9)` says from which score on nine
    of ten predictions of a class are right, and `segment` and `relabel` take that as
    `confidence_thresh`.

    With labelled samples (`gt_field`) all predictions there are judged. Images with references of
    the bank are left out: on those it is better than elsewhere. Without them, the images of the
    references are matched each with the bank of the others. Where their field holds other labels
    of the bank's classes besides the references, the images count as labelled completely; where it
    holds the references alone, only predictions about those are judged. That last way knows nothing
    of things that look like the classes and are none: chances are too high where there are such.

    Images that `segment` has seen with these settings are not computed again.

    Args:
        samples: completely labelled images; without `gt_field` a dataset or view with the images of
            the bank's references.
        bank: a bank, or the name of one saved on the dataset, which then keeps the calibration.
            `MemoryBank.with_calibration` gives it to a bank that was passed itself.
        gt_field: Detections or closed Polylines with masks: all objects of the bank's classes in
            these samples.
        models: a named set or loaded models; the bank's own when None.
        device: where models that are loaded here run: `cpu`, `cuda`, `auto`, ...
        mode: of the method, whose scores are meant: `"paper"` or `"best"`; see `segment`.
        points_per_side: prompts per row and column of the grid.
        crops: parts of the images that are looked at besides the whole, 0, 4 or 9; see `segment`.
        one_per_object, least_island, fill_holes: of the instances that are meant; see `segment`.
        store: where the images' proposals are kept, as in `segment`.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Raises:
        InputError: no samples besides the references', a field of another type, a label without a
            mask, an unreadable image; or, without `gt_field`, a class with fewer than five
            references in these samples, or with all on one image.
        ModelError: the models cannot be loaded, or their encoder did not make the bank.

    Example:
        >>> found = ntt.calibrate(view, "shapes", "ground_truth", points_per_side=16)
        >>> found.source, sorted(found.thresholds(precision=0.8))
        ('labelled samples', ['fish', 'mushroom'])
    """
    check_whole_images(samples, "calibrating")
    name = bank if isinstance(bank, str) else None
    bank = resolve_bank(samples._root_dataset, bank)
    known_mode = check_stored_mode(mode)
    if gt_field is not None:
        source, images = _labelled_images(samples, bank, gt_field)
    else:
        source, images = _reference_images(samples, bank)
    loaded = models_of_bank(bank, models, device)
    settings = ProposalSettings(points_per_side=points_per_side, crops=crops)
    matching = MatchSettings(
        one_per_object=one_per_object, least_island=least_island, fill_holes=fill_holes
    )
    pipeline = Pipeline(bank, loaded.encoder, loaded.segmenter, known_mode, settings, matching)
    proposals = ProposalSource(pipeline, resolve_store(store), image_reading(samples))
    with progress_steps(len(images), progress) as advance:
        judged = _judge_all(samples, images, source, proposals, advance)
    if proposals.store is not None:
        proposals.store.keep_within_limit()
    setting = Setting(
        source,
        known_mode,
        pipeline.matcher.setup.segmenter,
        bank_hash(bank),
        matching.ranking(pipeline.matcher.scoring),
        settings.identity(),
    )
    calibration = calibrated(judged, bank.classes, setting)
    if name is not None:
        save_calibration(samples, name, calibration)
    return calibration


@dataclass(frozen=True)
class _Image:
    """One image to judge predictions on.

    Attributes:
        sample_id: its sample's.
        path: of the image.
        fields: in which its labels lie.
        references: ids of those of its labels that are the bank's references, by name there.
    """

    sample_id: str
    path: str
    fields: tuple[str, ...]
    references: dict[str, str]


def _labelled_images(
    samples: foc.SampleCollection, bank: MemoryBank, field: str
) -> tuple[Source, list[_Image]]:
    """Those of the samples that hold nothing the bank was made of."""
    label_field_type(samples, field, SHAPE_TYPES)
    known = _sample_ids(samples, bank)
    ids, paths = samples.values(["id", "filepath"])
    images = [
        _Image(sample_id, path, (field,), {})
        for sample_id, path in zip(ids, paths, strict=True)
        if sample_id not in known
    ]
    if not images:
        raise InputError(
            f"{'all' if ids else 'none'} of the {len(ids)} samples hold references of the bank, so "
            "there is nothing to learn from. Pass labelled samples besides those, or leave out "
            "gt_field to learn from the references."
        )
    return "labelled samples", images


def _sample_ids(samples: foc.SampleCollection, bank: MemoryBank) -> set[str]:
    """Samples that the bank's references and negatives were made of."""
    negatives = [negative_source(name) for name in bank.negatives.ids]
    places = find_labels(all_images(samples._root_dataset), {*bank.references.ids, *negatives})
    found = {place.sample_id for names in places.values() for place in names.values()}
    # A mined negative is no label: it begins with its sample's id.
    return found | {name.partition("-")[0] for name in negatives}


def _reference_images(
    samples: foc.SampleCollection, bank: MemoryBank
) -> tuple[Source, list[_Image]]:
    """The images of the bank's references, and whether other objects are labelled on them."""
    names: dict[str, dict[str, str]] = defaultdict(dict)
    fields: dict[str, set[str]] = defaultdict(set)
    places = find_labels(samples, set(bank.references.ids))
    for field, found in places.items():
        for name, place in found.items():
            names[place.sample_id][name] = place.label_id
            fields[place.sample_id].add(field)
    _check_enough(bank, {name for found in names.values() for name in found})
    _check_spread(bank, names.values())
    view = samples.select(list(names))
    images = [
        _Image(sample_id, path, tuple(sorted(fields[sample_id])), names[sample_id])
        for sample_id, path in zip(*view.values(["id", "filepath"]), strict=True)
    ]
    complete = any(_has_others(view, field, bank, found) for field, found in places.items())
    return "reference images" if complete else "references", images


def _check_enough(bank: MemoryBank, found: set[str]) -> None:
    labels = [bank.classes[row] for row in bank.references.classes.tolist()]
    pairs = list(zip(bank.references.ids, labels, strict=True))
    counts = {label: len({n for n, of in pairs if of == label and n in found}) for label in labels}
    few = [f"{label} has {count}" for label, count in counts.items() if count < LEAST_REFERENCES]
    if few:
        raise InputError(
            f"learning from references alone takes {LEAST_REFERENCES} of each class in these "
            f"samples, but {', '.join(few)}. Add references, or pass labelled samples and their "
            "gt_field."
        )


def _check_spread(bank: MemoryBank, images: Iterable[Collection[str]]) -> None:
    """Refuse a class whose references are all on one image: there it would be judged by itself.

    Args:
        bank: whose references they are.
        images: of each, the names of the references on it.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for row, name in zip(bank.references.classes.tolist(), bank.references.ids, strict=True):
        owners[bank.classes[row]].add(name)
    for names in map(set, images):
        if alone := [label for label, own in owners.items() if own <= names]:
            raise InputError(
                f"all references of {', '.join(alone)} lie on one image: there the bank has no "
                "others to be judged with. Add references on other images, or pass labelled "
                "samples and their gt_field."
            )


def _has_others(
    view: foc.SampleCollection, field: str, bank: MemoryBank, references: dict[str, Any]
) -> bool:
    """Whether a field holds labels of the bank's classes that are no references."""
    own = {place.label_id for place in references.values()}
    for sample in view.select_fields(field).iter_samples():
        for label in labels_of(sample[field]):
            if label.label in bank.classes and label.id not in own:
                return True
    return False


def _judge_all(
    samples: foc.SampleCollection,
    images: Sequence[_Image],
    source: Source,
    proposals: ProposalSource,
    advance: Callable[[], None],
) -> Judged:
    judge = {
        "labelled samples": _judge_labelled,
        "reference images": _judge_rest,
        "references": _judge_references,
    }[source]
    parts = []
    # All of them before the first proposal: a label that will not do costs no work.
    truths = list(_truth(samples, images))
    loaded = prefetched(images, lambda image: proposals.load(image.path))
    for number, ((image, ready), truth) in enumerate(zip(loaded, truths, strict=True)):
        found = proposals.proposals(ready.result())
        bank = with_stand_ins(proposals.pipeline.bank, image.references)
        matcher = proposals.pipeline.matcher
        parts.append(judge(matcher.with_bank(bank)(found), bank.classes, truth, number))
        advance()
    return Judged.joined(parts)


@dataclass(frozen=True, eq=False)
class _Truth:
    """An image's labels of all classes, and which of them are references."""

    objects: list[Candidate]
    references: list[Candidate]


def _judge_labelled(match: Match, classes: Sequence[str], truth: _Truth, number: int) -> Judged:
    return judged_by_labels(match, classes, truth.objects, number)


def _judge_rest(match: Match, classes: Sequence[str], truth: _Truth, number: int) -> Judged:
    return judged_by_the_rest(match, classes, truth.objects, truth.references, number)


def _judge_references(match: Match, classes: Sequence[str], truth: _Truth, number: int) -> Judged:
    return judged_by_references(match, classes, truth.references, number)


def _truth(samples: foc.SampleCollection, images: Iterable[_Image]) -> Iterator[_Truth]:
    """The labels of each image, with masks."""
    for image in images:
        sample = samples._root_dataset[image.sample_id]
        metadata = sample.metadata
        stated = (metadata.height, metadata.width) if metadata else (None, None)
        size = known_size(image.path, *stated)
        objects, references = [], []
        for field in image.fields:
            for label in labels_of(sample[field]):
                item = _candidate(label, size, field, image.path)
                objects.append(item)
                if label.id in image.references.values():
                    references.append(item)
        yield _Truth(objects, references)


def _candidate(label: Any, size: tuple[int, int], field: str, path: str) -> Candidate:
    shape = label_shape(label, size)
    if shape.rle is None:
        raise InputError(
            f"label {label.id} of {path} in field {field!r} is a box without a mask, so nothing "
            "can be compared with it. `boxes_to_masks` draws a mask."
        )
    crowd = bool(label.get_attribute_value(CROWD, False))
    return Candidate(label.label, shape.rle, shape.box, shape.area, crowd)
