"""Choosing references for the few-shot protocol (method 9)."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import numpy as np
from fiftyone import ViewField as F
from numpy.typing import NDArray

from fiftyone_ntt.core.images import image_size
from fiftyone_ntt.core.windows import Box
from fiftyone_ntt.dataset.fields import check_whole_images, label_field_type
from fiftyone_ntt.dataset.masks import Size, pixel_box
from fiftyone_ntt.errors import InputError


@dataclass(frozen=True)
class SampledReferences:
    """The labels chosen and tagged.

    Attributes:
        tag: on the labels and their samples.
        shots: how many were asked for per class.
        label_ids: class to the ids of its chosen labels, possibly fewer than `shots`.
    """

    tag: str
    shots: int
    label_ids: dict[str, tuple[str, ...]]

    @property
    def counts(self) -> dict[str, int]:
        """References per class."""
        return {name: len(ids) for name, ids in self.label_ids.items()}

    @property
    def short(self) -> dict[str, int]:
        """Classes with fewer references than asked for."""
        return {name: count for name, count in self.counts.items() if count < self.shots}

    def __str__(self) -> str:
        total = sum(self.counts.values())
        text = f"{total} references of {len(self.counts)} classes tagged {self.tag!r}"
        few = ", ".join(f"{name} {count}" for name, count in self.short.items())
        return f"{text}; fewer than {self.shots}: {few}" if few else text


@dataclass(frozen=True)
class _Candidate:
    label: str
    label_id: str
    sample_id: str
    path: str
    box: tuple[float, ...]


def sample_references(
    samples: foc.SampleCollection,
    label_field: str,
    *,
    shots: int,
    seed: int = 33,
    tag: str = "reference",
    classes: Sequence[str] | None = None,
    min_size: float = 32,
    border: float = 10,
    overwrite: bool = False,
) -> SampledReferences:
    """Choose some labels per class at random, and tag them.

    The choice depends on the seed, the file names and the boxes, but not on database ids: it is
    the same on another machine. A class's choice does not depend on the other classes.

    Args:
        samples: a dataset or view of images.
        label_field: Detections; those with a true `iscrowd` attribute are never chosen.
        shots: labels per class, of different images.
        seed: of the random order.
        tag: put on the chosen labels (a label tag) and on their samples (a sample tag).
        classes: only these; all when None.
        min_size: least width and height of a box, in pixels.
        border: least distance of a box from every image border, in pixels.
        overwrite: first remove `tag` from all labels of the field and all samples of the dataset.

    Returns:
        What was chosen; classes without a label that qualifies have none.

    Raises:
        InputError: nothing to choose from, or other labels already have the tag.

    Example:
        >>> import fiftyone_ntt as ntt  # doctest: +SKIP
        >>> print(ntt.sample_references(dataset, "ground_truth", shots=10))  # doctest: +SKIP
        200 references of 20 classes tagged 'reference'
    """
    check_whole_images(samples, "choosing references")
    label_field_type(samples, label_field, (fol.Detections,))
    if shots < 1:
        raise InputError(f"shots is {shots}: choose at least 1 reference per class.")
    groups = _candidates(samples, label_field, classes)
    sizes = _known_sizes(samples)
    fits = partial(_fits, min_size=min_size, border=border)
    chosen = {
        name: _choose(group, sizes, shots, _order(len(group), seed, name), fits)
        for name, group in sorted(groups.items())
    }
    if not any(chosen.values()):
        raise InputError(
            f"no label in field {label_field!r} qualifies: each must be at least {min_size:g} px "
            f"wide and high, at least {border:g} px from every image border, and no crowd. Lower "
            "`min_size` or `border`."
        )
    picked = [candidate for group in chosen.values() for candidate in group]
    _tag(samples, label_field, picked, tag, overwrite)
    ids = {name: tuple(c.label_id for c in group) for name, group in chosen.items()}
    return SampledReferences(tag, shots, ids)


def _candidates(
    samples: foc.SampleCollection, field: str, classes: Sequence[str] | None
) -> dict[str, list[_Candidate]]:
    """Labels by class, crowds left out, in an order that is the same on every machine."""
    root = f"{field}.detections"
    names = ["id", "filepath", f"{root}.id", f"{root}.label", f"{root}.bounding_box"]
    columns = samples.values(names)
    # By an expression, because `iscrowd` is often not declared on the schema.
    crowds = samples.filter_labels(field, F("iscrowd").to_bool())
    crowd_ids = set(crowds.values(f"{root}.id", unwind=True))
    groups: dict[str, list[_Candidate]] = defaultdict(list)
    for sample_id, path, *of_labels in zip(*columns, strict=True):
        for label_id, label, box in zip(*(column or [] for column in of_labels), strict=True):
            if label:
                group = groups[label]  # a class of crowds alone is still a class
                if label_id not in crowd_ids:
                    group.append(_Candidate(label, label_id, sample_id, path, tuple(box)))
    wanted = list(groups) if classes is None else list(dict.fromkeys(classes))
    missing = [name for name in wanted if name not in groups]
    if missing or not wanted:
        raise InputError(
            f"no label in field {field!r} of this view shows: {', '.join(missing) or 'any class'}. "
            f"Classes there: {', '.join(sorted(groups)) or 'none'}."
        )
    return {name: sorted(groups[name], key=lambda c: (c.path, c.box)) for name in wanted}


def _known_sizes(samples: foc.SampleCollection) -> dict[str, Size]:
    """Height and width by sample id, as far as the metadata have them."""
    columns = samples.values(["id", "metadata.height", "metadata.width"])
    return {key: (h, w) for key, h, w in zip(*columns, strict=True) if h and w}


def _order(count: int, seed: int, label: str) -> NDArray[np.int64]:
    """Random order of a class's labels, of its own so that other classes do not change it."""
    rng = np.random.default_rng([seed, zlib.crc32(label.encode())])
    return rng.permutation(count)


def _choose(
    candidates: list[_Candidate],
    sizes: dict[str, Size],
    shots: int,
    order: NDArray[np.int64],
    fits: Callable[[Box, Size], bool],
) -> list[_Candidate]:
    """The first of a class, in `order`, that fit; one per image at most."""
    chosen: dict[str, _Candidate] = {}
    for candidate in (candidates[index] for index in order):
        if len(chosen) == shots:
            break
        if candidate.sample_id in chosen:
            continue
        if candidate.sample_id not in sizes:
            sizes[candidate.sample_id] = image_size(candidate.path)
        size = sizes[candidate.sample_id]
        if fits(pixel_box(candidate.box, size), size):
            chosen[candidate.sample_id] = candidate
    return list(chosen.values())


def _fits(box: Box, size: Size, min_size: float, border: float) -> bool:
    x, y, w, h = box
    inside = x >= border and y >= border and x + w <= size[1] - border and y + h <= size[0] - border
    return inside and w >= min_size and h >= min_size


def _tag(
    samples: foc.SampleCollection,
    field: str,
    picked: list[_Candidate],
    tag: str,
    overwrite: bool,
) -> None:
    dataset = samples._root_dataset
    ids = [candidate.label_id for candidate in picked]
    tagged = dataset.select_labels(tags=tag, fields=field)
    others = set(tagged.values(f"{field}.detections.id", unwind=True)) - set(ids)
    if others and not overwrite:
        raise InputError(
            f"{len(others)} other labels in field {field!r} of {dataset.name!r} are already tagged "
            f"{tag!r}. Pass overwrite=True to remove the tag from them first, or another tag."
        )
    if overwrite:
        tagged.untag_labels(tag, label_fields=field)
        dataset.match_tags(tag).untag_samples(tag)
    dataset.select_labels(ids=ids, fields=field).tag_labels(tag, label_fields=field)
    dataset.select(list({candidate.sample_id for candidate in picked})).tag_samples(tag)
