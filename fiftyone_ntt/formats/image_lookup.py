"""Where the images of label files are: the folder, and the file of a name."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from fiftyone_ntt.core.image_names import IMAGE_ENDS
from fiftyone_ntt.formats.glance import names_in

_USUAL = ("images", "data", "JPEGImages", "train2017", "val2017")


def image_folder(
    labels: Path, names: Iterable[str], images: Path | None, masks: Path | None = None
) -> Path:
    """The folder that the names in a label file are relative to.

    Args:
        labels: the label file.
        names: of some images, as it gives them.
        images: the folder, where somebody said it.
        masks: a folder of other pictures, which may be named like the images.

    Returns:
        `images`; or the first folder beside, above or, by the usual names, below the label file in
        which one of the images lies; the file's own if there is none.
    """
    if images is not None:
        return images
    some = list(names)
    for folder in _candidates(labels):
        if folder != masks and any(os.path.lexists(folder / name) for name in some):
            return folder
    return labels.parent


def _candidates(labels: Path) -> Iterable[Path]:
    own = labels.parent
    for folder in (own, own.parent):
        yield folder
        yield from (folder / name for name in _USUAL)
        # As `instances_harbour.json` is of `harbour`, or datumaro's and CVAT's of `images/harbour`.
        stem = labels.stem
        for parent in (folder, folder / "images"):
            yield from (parent / name for name in names_in(parent) if name and stem.endswith(name))


class ImagesByStem:
    """The image files of a folder, found by their names without suffix.

    Args:
        folder: looked through once.
    """

    def __init__(self, folder: Path) -> None:
        self._found: dict[str, list[str]] = defaultdict(list)
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            names = []
        for name in names:
            stem, end = os.path.splitext(name)
            if end.lower() in IMAGE_ENDS and not name.startswith("."):
                self._found[stem].append(name)

    def find(self, stem: str) -> list[str]:
        """Names of the images of a stem."""
        return list(self._found.get(stem, ()))

    def stems(self) -> list[str]:
        """All stems, in order."""
        return sorted(self._found)
