"""Choosing references: at random, as the few-shot protocol does (method 9), or the better ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import fiftyone.core.collections as foc

from fiftyone_ntt.core.images import image_size
from fiftyone_ntt.core.sampling import (
    BORDER,
    MIN_SIZE,
    Candidate,
    TooFew,
    check_strategy,
    choose,
    fits,
)
from fiftyone_ntt.dataset.labels.change_journal import begin_change
from fiftyone_ntt.dataset.labels.fields import SHAPE_TYPES, check_whole_images, label_field_type
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.label_reading import read_labels
from fiftyone_ntt.dataset.labels.masks import Size, is_open, pixel_box, relative_box
from fiftyone_ntt.dataset.labels.names import check_tag
from fiftyone_ntt.dataset.labels.stored_labels import is_class
from fiftyone_ntt.dataset.labels.writing import tag_labels, tagged_labels
from fiftyone_ntt.dataset.references.diverse_choice import encode_labels
from fiftyone_ntt.dataset.references.label_names import LabelNames, full_name
from fiftyone_ntt.dataset.work.model_resolution import resolve_models
from fiftyone_ntt.dataset.work.progress import Progress
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.models.loading import Models

_CROWD = "iscrowd"
POOL = 50
"""Random labels of a class to choose the diverse ones from: of these nearly all appearances."""


@dataclass(frozen=True)
class SampledReferences:
    """The labels chosen and tagged.

    Attributes:
        tag: on the labels and their samples.
        shots: how many were asked for per class.
        label_ids: class to the ids of its chosen labels, possibly fewer than `shots` or repeated;
            `<label id>@<sample id>` of a label that shares its id with one of another sample.
        kept: how many of them had the tag before, and keep it.
        untagged: other labels that lost the tag.
    """

    tag: str
    shots: int
    label_ids: dict[str, tuple[str, ...]]
    kept: int = field(default=0, compare=False)
    untagged: int = field(default=0, compare=False)

    @property
    def ids(self) -> list[str]:
        """The chosen labels' ids, class by class, with repeats."""
        return [label_id for ids in self.label_ids.values() for label_id in ids]

    @property
    def repeated(self) -> dict[str, int]:
        """Classes of which labels are repeated, with how many different ones they have."""
        different = {name: len(set(ids)) for name, ids in self.label_ids.items()}
        return {name: n for name, n in different.items() if n < self.counts[name]}

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
        for what, few in ((f"fewer than {self.shots}", self.short), ("repeated", self.repeated)):
            if few:
                text += f"; {what}: " + ", ".join(f"{name} {n}" for name, n in few.items())
        text += f"; {self.kept} of them had the tag before" if self.kept else ""
        return text + (f"; {self.untagged} others lost it" if self.untagged else "")


@dataclass(frozen=True)
class DrawnLabel:
    """A label that is, or may become, a reference: where it lies, and its relative box."""

    id: str
    sample_id: str
    path: str
    box: tuple[float, ...]

    @property
    def name(self) -> str:
        """What means this label alone, for `label_ids`."""
        return full_name(self.id, self.sample_id)


@needs_database
def sample_references(
    samples: foc.SampleCollection,
    label_field: str,
    *,
    shots: int,
    seed: int = 33,
    tag: str = "reference",
    classes: Sequence[str] | None = None,
    min_size: float = MIN_SIZE,
    border: float = BORDER,
    too_few: TooFew = "fewer",
    overwrite: bool = False,
    strategy: str = "random",
    pool: int = POOL,
    models: str | Models = "paper",
    device: str = "cpu",
    precision: str = "float32",
    progress: Progress = None,
) -> SampledReferences:
    """Choose some labels per class, at random or those that tell the classes apart, and tag them.

    The choice depends on the seed, the file names and the boxes, but not on database ids: it is
    the same on another machine. Drawn at random, a class's choice does not depend on the other
    classes, and more shots extend it; with `strategy="diverse"` neither holds.

    Args:
        samples: a dataset or view of images.
        label_field: Detections or closed Polylines; those with a true `iscrowd` attribute are
            never chosen.
        shots: labels per class, of different images.
        seed: of the random order.
        tag: put on the chosen labels (a label tag) and on their samples (a sample tag).
        classes: only these; all when None.
        min_size: least width and height of a box, in pixels.
        border: least distance of a box from every image border, in pixels.
        too_few: what a class gets that has fewer labels than `shots`: `"fewer"`, those it has; or
            `"repeat"`, LVIS's rule: those it has, repeated, and where none qualifies, ones that do
            not. A tag says nothing of repeats: pass `label_ids=chosen.ids` to `build_memory_bank`.
        overwrite: take `tag` from all other labels of the field and samples of the dataset.
        strategy: `"random"`, as published protocols do; or `"diverse"`, those of up to `pool`
            random labels per class with which the others' objects would be told apart best: one of
            each appearance, none that looks like another class. It runs the encoder twice for each
            of them. `docs/references.md` says what it gains with one to three shots.
        pool: labels per class to choose the diverse ones from, at least `shots`.
        models, device, precision: those that segment later, see `build_memory_bank`; only needed
            for the diverse ones.
        progress: of encoding, see `build_memory_bank`.

    Returns:
        What was chosen; classes without a label that qualifies have none.

    Raises:
        InputError: nothing to choose from, no tag, a read-only field, no such strategy, or other
            labels already have the tag.
        ModelError: the models cannot be loaded.

    Example:
        >>> print(ntt.sample_references(dataset, "ground_truth", shots=2, tag="pair"))
        6 references of 3 classes tagged 'pair'
        >>> diverse = {"strategy": "diverse", "models": "demo"}
        >>> print(ntt.sample_references(dataset, "ground_truth", shots=1, tag="one", **diverse))
        3 references of 3 classes tagged 'one'
    """
    strategy = check_strategy(strategy)
    check_whole_images(samples, "choosing references")
    label_field_type(samples, label_field, SHAPE_TYPES)
    check_tag(samples, tag, label_field)
    draw = partial(
        draw_labels,
        samples,
        label_field,
        seed=seed,
        classes=classes,
        min_size=min_size,
        border=border,
    )
    if strategy == "random":
        chosen = draw(shots, too_few=too_few)
    else:
        _check_diverse(shots, pool, too_few)
        candidates = draw(pool)
        drawn = [label for group in candidates.values() for label in group]
        if not overwrite:
            _check_tag_free(samples, label_field, drawn, tag)  # before the encoder runs for nothing
        by_name = {name: label for label in drawn for name in (label.id, label.name)}
        encoded = encode_labels(
            samples,
            label_field,
            [label.name for label in drawn],
            resolve_models(models, device, precision),
            progress,
        )
        found = encoded.choose(shots)
        chosen = {name: [by_name[key] for key in found.get(name, ())] for name in candidates}
    picked = [label for group in chosen.values() for label in group]
    kept, untagged = _tag_labels(samples, label_field, picked, tag, overwrite)
    called = LabelNames(samples._root_dataset, label_field, {label.id for label in picked})
    ids = {
        name: tuple(called.of(label.id, label.sample_id) for label in group)
        for name, group in chosen.items()
    }
    return SampledReferences(tag, shots, ids, kept, untagged)


def _check_diverse(shots: int, pool: int, too_few: TooFew) -> None:
    """Refuse what makes no sense with `strategy="diverse"`."""
    if shots < 1:
        raise InputError(f"shots is {shots}: choose at least 1 reference per class.")
    if pool < shots:
        raise InputError(
            f"pool is {pool}: {shots} references per class are chosen among at least as many "
            "labels. Pass more, or leave it out."
        )
    if too_few != "fewer":
        raise InputError(
            f"too_few={too_few!r} is a protocol's rule for random draws. Leave it out, or pass "
            "strategy='random'."
        )


def draw_labels(
    samples: foc.SampleCollection,
    label_field: str,
    shots: int,
    seed: int,
    *,
    classes: Sequence[str] | None = None,
    min_size: float = MIN_SIZE,
    border: float = BORDER,
    too_few: TooFew = "fewer",
) -> dict[str, list[DrawnLabel]]:
    """What `sample_references` chooses, by class, and nothing tagged; see there."""
    check_whole_images(samples, "choosing references")
    label_field_type(samples, label_field, SHAPE_TYPES)
    groups = _candidates(samples, label_field, classes)
    sizes = _known_sizes(samples)

    def qualifies(candidate: Candidate[DrawnLabel]) -> bool:
        """Whether a label's box is large enough and away from the border."""
        label = candidate.key
        if label.sample_id not in sizes:
            sizes[label.sample_id] = image_size(label.path)
        size = sizes[label.sample_id]
        return fits(pixel_box(label.box, size), size, min_size, border)

    chosen = {
        name: [c.key for c in choose(group, shots, seed, name, qualifies, too_few)]
        for name, group in sorted(groups.items())
    }
    if not any(chosen.values()):
        raise InputError(
            f"no label in field {label_field!r} qualifies: each must be at least {min_size:g} px "
            f"wide and high, at least {border:g} px from every image border, and no crowd. Lower "
            "`min_size` or `border`."
        )
    return chosen


def _candidates(
    samples: foc.SampleCollection, field: str, classes: Sequence[str] | None
) -> dict[str, list[Candidate[DrawnLabel]]]:
    """Labels by class, without crowds, open lines and labels that lie nowhere."""
    groups: dict[str, list[Candidate[DrawnLabel]]] = defaultdict(list)
    for image in read_labels(samples, field, [_CROWD, "attributes"]):
        for label in image.labels:
            if is_class(label.label):
                group = groups[label.label]  # a class of crowds alone is still a class
                crowd = label.get_attribute_value(_CROWD, False)
                box = None if crowd or is_open(label) else relative_box(label)
                if box is not None:
                    found = DrawnLabel(label.id, image.sample_id, image.path, box)
                    group.append(Candidate(found, image.path, box))
    wanted = list(groups) if classes is None else list(dict.fromkeys(classes))
    missing = [name for name in wanted if name not in groups]
    if missing or not wanted:
        raise InputError(
            f"no label in field {field!r} of this view shows: {', '.join(missing) or 'any class'}. "
            f"Classes there: {', '.join(sorted(groups)) or 'none'}."
        )
    return {name: groups[name] for name in wanted}


def _known_sizes(samples: foc.SampleCollection) -> dict[str, Size]:
    """Height and width by sample id, as far as the metadata have them."""
    columns = samples.values(["id", "metadata.height", "metadata.width"])
    return {key: (h, w) for key, h, w in zip(*columns, strict=True) if h and w}


def _tag_labels(
    samples: foc.SampleCollection,
    field: str,
    picked: list[DrawnLabel],
    tag: str,
    overwrite: bool,
) -> tuple[int, int]:
    """How many of the picked labels had the tag before, and how many others lost it."""
    dataset, chosen = samples._root_dataset, _by_sample(picked)
    if not overwrite:
        _check_tag_free(samples, field, picked, tag)
    tagged = tagged_labels(dataset, field, tag)
    change = begin_change(dataset, field, "tagging", tag=tag)
    new = tag_labels(dataset, field, chosen, tag, change, untag=tagged if overwrite else {})
    return sum(map(len, chosen.values())) - new, len(_others(tagged, chosen))


def _check_tag_free(
    samples: foc.SampleCollection, field: str, labels: list[DrawnLabel], tag: str
) -> None:
    """Refuse a tag that labels other than these have.

    Raises:
        InputError: some do.
    """
    dataset = samples._root_dataset
    others = _others(tagged_labels(dataset, field, tag), _by_sample(labels))
    if others:
        raise InputError(
            f"{len(others)} other labels in field {field!r} of {dataset.name!r} are already tagged "
            f"{tag!r}. Pass overwrite=True to take the tag from them, or another tag."
        )


def _by_sample(labels: list[DrawnLabel]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for label in labels:
        found[label.sample_id].add(label.id)
    return found


def _others(tagged: Mapping[str, Collection[str]], chosen: dict[str, set[str]]) -> list[str]:
    """Tagged labels that are not chosen."""
    return [i for key, ids in tagged.items() for i in ids if i not in chosen.get(key, ())]
