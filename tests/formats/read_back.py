"""What a reader of label files gives, drawn as the rest of the package draws it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.image_files import image_files
from fiftyone_ntt.coco.reading import coco_file
from fiftyone_ntt.coco.references import checked_instances
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.formats.label_files import LabelFiles


@dataclass(frozen=True, eq=False)
class ReadObject:
    """One object that was read: its mask is None where it is a box alone."""

    label: str
    mask: Bool[np.ndarray, "H W"] | None
    box: list[float]
    attributes: dict[str, Any]
    score: float | None


def read_back(files: LabelFiles, findings: Findings | None = None) -> dict[str, list[ReadObject]]:
    """Objects by the name of their image's file, after all checks of COCO files."""
    findings = findings or Findings()
    found: dict[str, list[ReadObject]] = {}
    seen_ids: set[Any] = set()
    for content in files.parts(findings):
        file = coco_file(Path("labels"), content, findings)
        assert tuple(file.categories.values()) == files.classes
        images = image_files(file, files.folder, findings)
        for image in images.values():
            found[image.path.name] = []
        for position, instance in checked_instances(file, images, findings):
            row = file.annotations[position]
            assert row["id"] not in seen_ids
            seen_ids.add(row["id"])
            found[images[row["image_id"]].path.name].append(
                ReadObject(
                    file.categories[row["category_id"]],
                    None if instance.rle is None else decode_mask(instance.rle),
                    instance.box,
                    row.get("attributes", {}),
                    row.get("score"),
                )
            )
    return found


def same_masks(
    found: Iterable[ReadObject], expected: Iterable[tuple[str, Bool[np.ndarray, "H W"]]]
) -> bool:
    """Whether objects have these classes and pixels, in any order."""
    left = [(item.label, item.mask.tobytes() if item.mask is not None else b"") for item in found]
    right = [(label, mask.tobytes()) for label, mask in expected]
    return sorted(left) == sorted(right)
