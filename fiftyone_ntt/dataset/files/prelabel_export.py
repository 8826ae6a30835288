"""Predictions out to annotation tools, for people to correct there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol

from fiftyone_ntt.core.images import known_size
from fiftyone_ntt.core.rle import rle_boxes
from fiftyone_ntt.dataset.files.coco_export import class_names, common_folder
from fiftyone_ntt.dataset.labels.coco_labels import label_shape
from fiftyone_ntt.dataset.labels.detections import PROPOSAL
from fiftyone_ntt.dataset.labels.fields import (
    SHAPE_TYPES,
    check_whole_images,
    label_field_type,
    sample_count,
)
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.masks import Size
from fiftyone_ntt.dataset.labels.rejected import without_rejected
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.prelabels.prelabel import Prelabel, PrelabelFormat, PrelabelledImage, Writing
from fiftyone_ntt.prelabels.prelabel_formats import find_prelabel_format
from fiftyone_ntt.prelabels.side_file import SIDE_FILE, head_line, image_line
from fiftyone_ntt.store.atomic import require_new_folder, write_folder

To = Literal["cvat", "label-studio", "labelme", "coco", "yolo", "voc"]
_ADDRESS = "/data/local-files/?d="
"""How Label Studio serves a folder of its own machine."""
_EMPTY = "labels without a pixel, left out"


@dataclass(frozen=True)
class PrelabelReport:
    """What `export_prelabels` wrote.

    Attributes:
        folder: that holds the files.
        to: the format.
        tool: who reads it.
        files: how many, the side file among them.
        images: in the view.
        labels: written.
        holds: where the files have ids and scores, a sentence without its end.
        lost: labels that the format holds otherwise than they are, or not, by what it is.

    Example:
        >>> report = ntt.PrelabelReport(Path("out"), "yolo", "YOLO", 5, 3, 9, "no ids", {"cut": 9})
        >>> print(report)
        out: 9 labels of 3 images for YOLO (yolo), 5 files
          no ids
          cut: 9
    """

    folder: Path
    to: str
    tool: str
    files: int
    images: int
    labels: int
    holds: str
    lost: dict[str, int]

    def __str__(self) -> str:
        head = (
            f"{self.folder}: {self.labels} labels of {self.images} images for {self.tool} "
            f"({self.to}), {self.files} files"
        )
        lost = [f"  {what}: {count}" for what, count in self.lost.items()]
        return "\n".join([head, f"  {self.holds}", *lost])


@needs_database
def export_prelabels(
    samples: foc.SampleCollection,
    field: str,
    folder: str | Path,
    to: To,
    *,
    address: str | None = None,
    include_rejected: bool = False,
    progress: Progress = None,
) -> PrelabelReport:
    """Write labels as files that an annotation tool opens, for people to correct them there.

    Masks are masks where the tool has them (CVAT, Label Studio's brush, labelme, COCO, VOC), pixel
    for pixel, and outlines along the edges of their pixels in YOLO's lines. What the format holds
    otherwise, or not at all, is counted in the report. `import_prelabels` takes back what people
    made of them.

    Args:
        samples: a dataset or view of images.
        field: Detections, or closed Polylines.
        folder: a new one, in a folder that is there; one that is there already may hold somebody's
            work and is not written to. Images are not copied: files name them relative to the
            folder that all of them lie in, labelme's relative to themselves. Beside the tool's
            files lies `prelabels.jsonl`, which knows what each label was: keep it.
        to: the format: `"cvat"`, `"label-studio"`, `"labelme"`, `"coco"`, `"yolo"` or `"voc"`.
        address: what stands before the images' names in Label Studio's tasks, as in
            `"https://photos.example/"`; when None, that of a folder that it serves.
        include_rejected: write labels that somebody rejected (see `reject`) too.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Raises:
        InputError: the samples or field do not fit, no such format, a label without a class, an
            unreadable mask or image, or images that the format cannot tell apart by their names.
        StoreError: `folder` is there already, or cannot be written.

    Example:
        >>> report = ntt.export_prelabels(view, "predictions", "to-correct", to="cvat")
        >>> print(report)
        to-correct: ... labels of 3 images for CVAT (cvat), 3 files
          ids and scores are attributes, kept by tasks whose labels are those of labels.json
    """
    folder = Path(folder)
    known = find_prelabel_format(to)
    if address is not None and to != "label-studio":
        raise InputError(
            f"address means nothing to {to!r}: it is for 'label-studio'. Leave it out."
        )
    require_new_folder(folder)
    check_whole_images(samples, "exporting")
    label_field_type(samples, field, SHAPE_TYPES)
    if not include_rejected:
        samples = without_rejected(samples, field)
    paths = samples.values("filepath")
    writing = Writing(
        class_names(samples, field),
        common_folder(paths),
        os.path.abspath(folder),
        _ADDRESS if address is None else address,
    )
    export = _Export(samples, field, known, writing)
    with progress_steps(sample_count(samples), progress) as advance:
        write_folder(folder, export.files(advance))
    return PrelabelReport(
        folder, to, known.tool, export.count, len(paths), export.labels, known.holds, export.lost()
    )


class _Export:
    """Makes the files, and counts what goes into them."""

    def __init__(
        self, samples: foc.SampleCollection, field: str, known: PrelabelFormat, writing: Writing
    ) -> None:
        self.count = self.labels = 0
        self._samples, self._field, self._known, self._writing = samples, field, known, writing
        self._lines = [head_line(known.name, field, samples._root_dataset.name)]
        self._waiting: list[PrelabelledImage] = []

    def lost(self) -> dict[str, int]:
        """What the format does not hold as it is, in labels."""
        return {what: count for what, count in self._writing.lost.items() if count}

    def files(self, advance: Callable[[], None]) -> Iterator[tuple[str, bytes]]:
        """All files, the side file last."""
        for file in self._known.write(self._images(advance), self._writing):
            self.count += 1
            yield file
        self._note()
        self.count += 1
        yield SIDE_FILE, "".join(self._lines).encode()

    def _images(self, advance: Callable[[], None]) -> Iterator[PrelabelledImage]:
        names = ["id", "filepath", "metadata.height", "metadata.width"]
        rows = zip(*self._samples.values(names), strict=True)
        labelled = self._samples.select_fields(self._field).iter_samples()
        for (key, path, height, width), sample in zip(rows, labelled, strict=True):
            size = known_size(path, height, width)
            name = Path(os.path.relpath(path, self._writing.images)).as_posix()
            labels = _prelabels(sample[self._field], size, self._writing.lost)
            image = PrelabelledImage(name, path, size, labels, key)
            # What the files show of an image is known when the next one is asked for.
            self._note()
            self._waiting.append(image)
            yield image
            advance()

    def _note(self) -> None:
        """Remember what the files show of the images that are written."""
        shown, left = self._writing.shown, self._writing.left
        for image in self._waiting:
            labels = [shown.pop(item.id, item) for item in image.labels if item.id not in left]
            self.labels += len(labels)
            self._lines.append(image_line(replace(image, labels=labels)))
        self._waiting.clear()


def _prelabels(
    labels: fol.Detections | fol.Polylines | None, size: Size, lost: Counter[str]
) -> list[Prelabel]:
    found = []
    for label in labels[labels._LABEL_LIST_FIELD] if labels is not None else ():
        item = _prelabel(label, size)
        if item is None:
            lost[_EMPTY] += 1
        else:
            found.append(item)
    return sorted(found, key=lambda item: -1.0 if item.score is None else item.score, reverse=True)


def _prelabel(label: fol.Detection | fol.Polyline, size: Size) -> Prelabel | None:
    """A label as it is written; None of one without a pixel."""
    shape = label_shape(label, size)
    if shape.is_empty:
        return None
    x, y, width, height = shape.box
    if shape.rle is not None:
        x, y, right, bottom = rle_boxes([shape.rle])[0].tolist()
        width, height = right - x + 1, bottom - y + 1
    else:  # tools refuse boxes that reach over the border
        right, bottom = min(x + width, size[1]), min(y + height, size[0])
        x, y = max(x, 0), max(y, 0)
        width, height = right - x, bottom - y
    if min(width, height) <= 0:
        return None
    return Prelabel(
        label.id,
        label.label,
        shape.rle,
        (x, y, width, height),
        label.confidence,
        label.get_attribute_value(PROPOSAL, None),
    )
