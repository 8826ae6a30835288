"""Choosing a protocol's references out of the annotations of a training set (method 9)."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.reading import CocoFile
from fiftyone_ntt.core.sampling import Candidate, TooFew, choose, fits
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.protocols.data import as_content

Annotation = Candidate[Record]


def sampled_references(file: CocoFile, shots: int, seed: int, too_few: TooFew = "fewer") -> Record:
    """Draw some annotations per class, as `sample_references` does on a FiftyOne dataset.

    Args:
        file: of the classes wanted.
        shots: annotations per class.
        seed: of the random order.
        too_few: see `choose`.

    Returns:
        a COCO file's content: the chosen annotations, their images and all of the file's
        categories. An annotation that is repeated occurs as many times.

    Raises:
        InputError: a class has no annotation that qualifies.
    """
    groups: dict[int, list[Annotation]] = {key: [] for key in file.categories}
    for row in file.annotations:
        if not row.get("iscrowd") and row.get("bbox"):
            image = file.images[row["image_id"]]
            candidate = Candidate(row, image["file_name"], tuple(row["bbox"]))
            groups[row["category_id"]].append(candidate)

    def qualifies(candidate: Annotation) -> bool:
        """Whether an annotation's box can be a reference (method 9)."""
        row = candidate.key
        x, y, w, h = row["bbox"]
        return fits((x, y, w, h), _size(file, row["image_id"]))

    chosen = [
        candidate.key
        for key, group in groups.items()
        for candidate in choose(group, shots, seed, file.categories[key], qualifies, too_few)
    ]
    bare = set(file.categories) - {row["category_id"] for row in chosen}
    if bare:
        names = ", ".join(file.categories[key] for key in sorted(bare))
        raise InputError(
            f"{file.path} has no annotation that can be a reference of: {names}. Each must be at "
            "least 32 px wide and high, at least 10 px from every image border, and no crowd."
        )
    return as_references(file, chosen)


def largest_references(file: CocoFile, images: dict[str, int]) -> Record:
    """The largest annotation of each class on an image of its own.

    Args:
        file: of the classes wanted.
        images: image id by class.
    """
    ids = {name: key for key, name in file.categories.items()}
    chosen = []
    for name, image_id in images.items():
        own = [
            row
            for row in file.annotations
            if (row["image_id"], row["category_id"]) == (image_id, ids[name])
            and not row.get("iscrowd")
        ]
        if not own:
            raise InputError(
                f"{file.path} has no {name} on image {image_id}. Is it the file as published?"
            )
        chosen.append(max(own, key=lambda row: row["area"]))
    return as_references(file, chosen)


def as_references(file: CocoFile, chosen: list[Record]) -> Record:
    """A COCO file's content with only the chosen annotations, and their images."""
    used = dict.fromkeys(row["image_id"] for row in chosen)
    images = [file.images[key] for key in used]
    return {**as_content(file), "images": images, "annotations": chosen}


def reference_counts(content: Record) -> dict[str, int]:
    """How many references each class of a file has, in the order of the categories."""
    counts = Counter(row["category_id"] for row in content["annotations"])
    return {row["name"]: counts[row["id"]] for row in content["categories"]}


def distinct_counts(content: Record) -> dict[str, int]:
    """How many different ones each class has of which some are repeated."""
    ids: dict[Any, list[Any]] = defaultdict(list)
    for row in content["annotations"]:
        ids[row["category_id"]].append(row["id"])
    return {
        row["name"]: len(set(ids[row["id"]]))
        for row in content["categories"]
        if len(set(ids[row["id"]])) < len(ids[row["id"]])
    }


def _size(file: CocoFile, image_id: Any) -> tuple[int, int]:
    record = file.images[image_id]
    try:
        return record["height"], record["width"]
    except KeyError as error:
        raise InputError(
            f"{file.path}: image {record['file_name']} lacks {error}. Is it the file as published?"
        ) from error
