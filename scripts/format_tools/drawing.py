"""What a tool draws, handed from the tool's own environment to the one that reads its files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.formats.scenes import Part, Scene, make_scenes


@dataclass
class Case:
    """A set of labels that a tool wrote, and the objects as it draws them.

    Attributes:
        format: that our reader is to recognise.
        writer: package and version that wrote the files; "by hand" to a description.
        drawer: package and version that drew the pixels, and how.
        path: of the labels, in the folder of the cases.
        images: folder of the images, if the labels do not say.
        why: what explains differences.
        objects: image's file name and class of each mask in `masks`.
    """

    format: str
    writer: str
    drawer: str
    path: str
    images: str | None = None
    why: str = ""
    objects: list[tuple[str, str]] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list, repr=False)

    def add(self, image: str, label: str, mask: np.ndarray) -> None:
        """An object as the tool draws it."""
        self.objects.append((image, label))
        self.masks.append(np.asarray(mask) > 0)


def save_cases(folder: Path, name: str, cases: list[Case]) -> None:
    """Write what a tool did, for `load_cases`."""
    told, arrays = [], {}
    for number, case in enumerate(cases):
        row: dict[str, Any] = asdict(case)
        del row["masks"]
        told.append(row)
        arrays |= {f"{number}-{place}": mask for place, mask in enumerate(case.masks)}
    np.savez_compressed(folder / f"{name}.npz", **arrays)
    (folder / f"{name}.cases.json").write_text(json.dumps(told))


def load_cases(folder: Path, name: str) -> list[Case]:
    """What `save_cases` wrote."""
    cases = [Case(**row) for row in json.loads((folder / f"{name}.cases.json").read_text())]
    with np.load(folder / f"{name}.npz") as arrays:
        for number, case in enumerate(cases):
            case.objects = [(image, label) for image, label in case.objects]
            case.masks = [arrays[f"{number}-{place}"] for place in range(len(case.objects))]
    return cases


def scenes_with_objects(count: int) -> list[Scene]:
    """The scenes of the tests; tools leave out images without objects, each in its own way."""
    return [scene for scene in make_scenes(count) if scene.objects]


def in_one_piece(scenes: list[Scene]) -> list[tuple[Scene, list[tuple[str, Part]]]]:
    """Parts of objects one by one, without holes: what a single polygon can hold."""
    return [
        (scene, [(item.label, part) for item in scene.objects for part in item.parts])
        for scene in scenes
    ]


def moved(part: Part, random: np.random.Generator, size: tuple[int, int]) -> list[list[float]]:
    """The outline of a part with corners between the pixels, none outside of the image.

    None lies at a whole tenth of a pixel. pycocotools rounds corners to fifths, so whatever lies
    there falls to either side by the last digit that a file keeps.
    """
    corners = np.array(part.outer) + random.uniform(-0.8, 0.8, (len(part.outer), 2))
    hundredths = np.clip(corners * 100, 1, np.array(size[::-1]) * 100 - 1).astype(int)
    return (np.where(hundredths % 10 == 0, hundredths + 1, hundredths) / 100).tolist()
