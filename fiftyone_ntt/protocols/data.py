"""Finding a dataset's files, and what they hold as one table of images, classes and labels."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.reading import CocoFile, ImageId, read_coco
from fiftyone_ntt.errors import InputError

_MAX_SHOWN = 5


@dataclass(frozen=True)
class Source:
    """A dataset as published.

    Attributes:
        name: of the dataset.
        where: what to download, and from where.
        layout: the files and folders it makes, as lines of text.
    """

    name: str
    where: str
    layout: Sequence[str]

    def require(self, root: Path, needed: Iterable[str]) -> None:
        """Check that files and folders are there.

        Args:
            root: folder of the data.
            needed: paths in it.

        Raises:
            InputError: some are not; it says what to download and where to put it.
        """
        missing = [path for path in needed if not (root / path).exists()]
        if missing:
            listed = "\n".join(f"  {path}" for path in missing)
            layout = "\n".join(f"  {line}" for line in self.layout)
            raise InputError(
                f"{root} lacks files of {self.name}:\n{listed}\n{self.where} Put them where --data "
                f"says, so that it holds\n{layout}"
            )


def require_images(root: Path, file: CocoFile) -> None:
    """Check that every image of a file is there, before hours are spent on the others.

    Args:
        root: what the images' file names are relative to.
        file: lists them.

    Raises:
        InputError: some are not; it names the first.
    """
    names = [record["file_name"] for record in file.images.values()]
    present = {
        folder: set(os.listdir(root / folder)) if (root / folder).is_dir() else set()
        for folder in {os.path.dirname(name) for name in names}
    }
    missing = [
        name for name in names if os.path.basename(name) not in present[os.path.dirname(name)]
    ]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(names)} images that {file.path} lists are not in {root}: "
            f"{', '.join(missing[:_MAX_SHOWN])}{', ...' if len(missing) > _MAX_SHOWN else ''}. "
            "Download them: a score over the rest could not be compared."
        )


@lru_cache(maxsize=2)
def read_in_folder(path: Path, folder: str) -> CocoFile:
    """A COCO file whose images lie in `folder`, relative to the root of the data.

    The last two are kept, because the parts of a protocol share their files and the largest take
    half a minute to read.
    """
    file = read_coco(path)
    images = {
        key: {**record, "file_name": f"{folder}/{record['file_name']}"}
        for key, record in file.images.items()
    }
    return replace(file, images=images)


def restrict(
    file: CocoFile, classes: Collection[str], images: Collection[int] | None = None
) -> CocoFile:
    """Only some classes and, unless None, only some images.

    Raises:
        InputError: it lacks one of the classes or images.
    """
    lacking = sorted(set(classes) - set(file.categories.values()))
    lacking += [f"image {key}" for key in images or () if key not in file.images]
    if lacking:
        raise InputError(
            f"{file.path} lacks {', '.join(lacking)}. Is it the file as published? Download it "
            "again."
        )
    kept = {key: name for key, name in file.categories.items() if name in classes}
    shown: dict[ImageId, Record] = (
        file.images if images is None else {key: file.images[key] for key in images}
    )
    return replace(
        file,
        images=shown,
        categories=kept,
        category_records=[row for row in file.category_records if row["id"] in kept],
        annotations=[
            row
            for row in file.annotations
            if row["category_id"] in kept and row["image_id"] in shown
        ],
    )


def without_segmentations(file: CocoFile) -> CocoFile:
    """Without segmentations: of sets that are labelled with boxes they are at best the boxes."""
    rows = [{k: v for k, v in row.items() if k != "segmentation"} for row in file.annotations]
    return replace(file, annotations=rows)


def as_content(file: CocoFile) -> Record:
    """As a COCO file's content."""
    return {
        "images": list(file.images.values()),
        "categories": file.category_records,
        "annotations": file.annotations,
    }
