"""Labels of any format as pixels, by the reader that everything else reads them with."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.image_files import image_files
from fiftyone_ntt.coco.references import checked_instances
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.formats.opened_labels import open_labels, read_labels


@dataclass(frozen=True, eq=False)
class Found:
    """An object that was read; `mask` is None for a box alone."""

    label: str
    mask: Bool[np.ndarray, "H W"] | None
    box: tuple[float, ...]
    attributes: dict[str, Any]
    score: float | None


def read_back(
    path: Path,
    images: Path | None = None,
    format: str | None = None,
    findings: Findings | None = None,
) -> dict[str, list[Found]]:
    """Objects by the name of their image's file, in the order of the files; images without any
    too."""
    findings = findings or Findings()
    file, folder = read_labels(path, findings, format=format, images=images)
    files = image_files(file, folder, findings)
    found: dict[str, list[Found]] = defaultdict(list)
    for image in files.values():
        found[image.path.name] = []
    for _, row, instance in checked_instances(file.path, file.annotations, files, findings):
        found[files[row["image_id"]].path.name].append(
            Found(
                file.categories[row["category_id"]],
                None if instance.rle is None else decode_mask(instance.rle),
                tuple(float(side) for side in instance.box),
                row.get("attributes") or {},
                row.get("score"),
            )
        )
    return dict(found)


def part_sizes(path: Path, format: str | None = None) -> list[int]:
    """How many images each part of the content has; ids are checked to be unique over all."""
    parts = list(open_labels(path, format).parts(Findings()))
    for section in ("images", "annotations"):
        ids = [row["id"] for part in parts for row in part[section]]
        assert len(ids) == len(set(ids)), f"{section} share ids"
    return [len(part["images"]) for part in parts]
