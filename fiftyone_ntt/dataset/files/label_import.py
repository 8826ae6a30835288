"""Labels of annotation tools into FiftyOne, pixel for pixel as the tools draw them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import fiftyone as fo

from fiftyone_ntt.coco.findings import Findings, OnError
from fiftyone_ntt.coco.reading import CocoFile, Crowds, StreamedCoco
from fiftyone_ntt.dataset.files.content_import import ImportReport, LabelSource, import_source
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.work.progress import Progress
from fiftyone_ntt.formats.opened_labels import checked_parts, open_labels


@needs_database
def import_labels(
    path: str | Path,
    dataset: str | fo.Dataset | None = None,
    format: str | None = None,
    images: str | Path | None = None,
    *,
    field: str = "ground_truth",
    on_error: OnError = "raise",
    crowds: Crowds = "ignore",
    class_name: str | None = None,
    class_attribute: str | None = None,
    below: Sequence[str | Path] | None = None,
    progress: Progress = None,
) -> ImportReport:
    """Read the labels of an annotation tool into a field of Detections with pixel-exact masks.

    The format is recognised, and the report says by what. Masks are drawn as the tool itself draws
    them; objects of several parts, and holes, stay one object. `docs/formats.md` lists the formats,
    with what is kept of each.

    Everything is checked before anything is written, in parts, so that memory does not grow with
    the number of images. An import that was interrupted goes on where it was when the same call is
    made again; `undo` takes it back.

    Args:
        path: file or folder of the labels.
        dataset: name of a new, persistent dataset, or a dataset to add to: images it has already
            are recognised by their path. When None, a new one named after `path`.
        format: name of the format, where it is not to be recognised.
        images: folder of the images, where they are not where the format has them.
        field: new to those images. Each detection has its class as label, its score as confidence,
            and what else the tool kept of it as attributes. Samples of LVIS get two lists of
            classes in fields named after this one: `..._absent_classes`, which the image is known
            not to show, and `..._incomplete_classes`, of which not all objects are annotated.
        on_error: `"raise"` at the first record that cannot be used, or `"skip"` and report it.
        crowds: `"objects"` imports annotations with `iscrowd` as objects like others.
        class_name: class of objects of which the files name none: of masks whose folder is no
            class, of shapes of VIA without attributes.
        class_attribute: the attribute of VIA that is the class, where several may be it.
        below: folders that the images have to lie in, whatever names the labels give and wherever
            links lead: of labels that somebody else hands in. Any when None.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Raises:
        RecordError: an `InputError` whose `kind` says what is wrong with a record.
        InputError: labels of no known format, or of several; an option that means nothing to the
            format; the dataset or the field do not fit, or nothing can be used.

    Example:
        >>> written = ntt.export_coco(dataset, "ground_truth", "instances.json")
        >>> print(ntt.import_labels("instances.json", "harbour", images=photos))
        read as coco: instances.json lists images and annotations as a COCO file does
        ground_truth: 26 annotations of 7 images in 'harbour'
    """
    findings = Findings(on_error)
    path = Path(os.path.abspath(path))
    files = open_labels(
        path, format, images, class_name=class_name, class_attribute=class_attribute
    )

    def parts(findings: Findings) -> Iterator[CocoFile | StreamedCoco]:
        return checked_parts(path, files, findings, crowds)

    source = LabelSource(
        path,
        Path(os.path.abspath(files.folder)),
        parts,
        own_ids=files.own_ids,
        format=files.format,
        why=files.why,
        lost=files.lost,
        below=below,
    )
    return import_source(source, dataset, field, findings, progress)
