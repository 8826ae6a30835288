"""COCO annotations into FiftyOne, pixel for pixel."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import fiftyone as fo

from fiftyone_ntt.coco.findings import Findings, OnError
from fiftyone_ntt.coco.reading import CocoFile, Crowds, StreamedCoco, opened_coco, streamed_content
from fiftyone_ntt.dataset.files.content_import import ImportReport, LabelSource, import_source
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.work.progress import Progress

_BLOCK = 2**20


@needs_database
def import_coco(
    images: str | Path,
    annotations: str | Path,
    dataset: str | fo.Dataset,
    field: str = "ground_truth",
    *,
    on_error: OnError = "raise",
    crowds: Crowds = "ignore",
    progress: Progress = None,
) -> ImportReport:
    """Read a COCO annotation file into a field of Detections with pixel-exact masks.

    Polygons and run lengths are drawn as pycocotools draws them, so `export_coco` gives back every
    pixel, id, crowd, category and area, in the same order. (FiftyOne's own importer crops a
    mask to the rounded box, and its exporter simplifies polygons by 2 pixels.) Outlines become
    masks; other entries of the file, such as licences, are not kept.

    An annotation's box counts as long as it agrees with its mask within 2 px, else the mask's does;
    images are found by their names where the file gives paths of another machine. What is read
    otherwise than it stands is counted in the report's `notes`.

    Everything is checked before anything is written; meanwhile annotations lie on disk, so memory
    does not grow with their number. An import that was interrupted goes on where it was when the
    same call is made again.

    Args:
        images: folder of the images.
        annotations: COCO file; one without annotations imports the images alone.
        dataset: name of a new, persistent dataset, or a dataset to add to: images it has
            already are recognised by their path. A grouped dataset must have all of them.
        field: new to those images. Each detection has its category as label, and the attributes
            `iscrowd`, `coco_id` and `coco_source` (the file's own box and area); samples get
            `coco_id`, and those of LVIS lists of classes (`import_labels`). An empty `segmentation`
            means a box without a mask.
        on_error: `"raise"` at the first record that cannot be used, or `"skip"` and report it.
        crowds: `"objects"` imports annotations with `iscrowd` as objects like others: some tools
            mark every mask of theirs so.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Raises:
        RecordError: an `InputError` whose `kind` says what is wrong: a duplicate id, a missing
            image, an image or a mask of another size than stated, an unknown image or category, an
            unreadable or empty segmentation, a box outside its image.
        InputError: the file as a whole, the dataset or the field do not fit, or nothing of the file
            can be used.

    Example:
        >>> written = ntt.export_coco(dataset, "ground_truth", "instances.json")
        >>> print(ntt.import_coco(photos, written.path, "harbour"))
        ground_truth: 26 annotations of 7 images in 'harbour'
    """
    findings = Findings(on_error)
    path, folder = Path(annotations), Path(os.path.abspath(images))

    def parts(findings: Findings) -> list[CocoFile | StreamedCoco]:
        return [opened_coco(path, streamed_content(path), findings, crowds=crowds)]

    def identity() -> str:
        """Of the file's content and the images' folder."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while some := file.read(_BLOCK):
                digest.update(some)
        digest.update(str(folder).encode())
        return digest.hexdigest()

    source = LabelSource(path, folder, parts, identity=identity)
    return import_source(source, dataset, field, findings, progress)
