"""Labels that people corrected in an annotation tool, back as decisions."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import fiftyone as fo
import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
from bson import ObjectId

from fiftyone_ntt.coco.findings import Findings, RecordError, skipped_lines
from fiftyone_ntt.dataset.files.coco_export import common_folder
from fiftyone_ntt.dataset.labels.change_journal import begin_change
from fiftyone_ntt.dataset.labels.correction_writing import (
    CORRECTION_FIELDS,
    Corrected,
    Correction,
    What,
    write_corrections,
)
from fiftyone_ntt.dataset.labels.decision_writing import Decision
from fiftyone_ntt.dataset.labels.fields import all_images, check_whole_images, label_field_type
from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.labels.names import check_writable
from fiftyone_ntt.dataset.review.decisions import declare_attributes
from fiftyone_ntt.dataset.work.refreshing import refresh
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.label_files import LabelFiles
from fiftyone_ntt.formats.opened_labels import open_labels
from fiftyone_ntt.prelabels.prelabel import Prelabel, PrelabelledImage
from fiftyone_ntt.prelabels.returned_labels import (
    Paired,
    Returned,
    is_redrawn,
    paired,
    returned_images,
)
from fiftyone_ntt.prelabels.side_file import SideFile, read_side_file

_CHUNK = 100
"""Images that are written together."""


@dataclass(frozen=True)
class CorrectionReport:
    """What `import_prelabels` did.

    Attributes:
        images: that came back labelled.
        accepted: labels that came back as they were.
        relabelled: with another class.
        redrawn: with another mask or box.
        added: new objects.
        rejected: labels that did not come back.
        same: labels that bore all that already.
        gone: labels that did not come back, and are not in the dataset any more.
        waiting: images that went out and did not come back, or of which the tool says that nobody
            labelled them; their labels are as they were.
        others: images that came back and had not gone out, or are not in the view.
        contested: images that somebody kept writing to, or that were deleted meanwhile; as they
            were.
        skipped: images that could not be used.
        notes: lines about what was read otherwise than it stands.

    Example:
        >>> print(ntt.CorrectionReport(images=2, accepted=9, rejected=1, waiting=3))
        2 images came back: 9 accepted, 1 rejected
          3 images did not come back, or nobody labelled them: left as they are
    """

    images: int
    accepted: int = 0
    relabelled: int = 0
    redrawn: int = 0
    added: int = 0
    rejected: int = 0
    same: int = 0
    gone: int = 0
    waiting: int = 0
    others: int = 0
    contested: int = 0
    skipped: tuple[RecordError, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = {
            "accepted": self.accepted,
            "given another class": self.relabelled,
            "with another mask": self.redrawn,
            "added": self.added,
            "rejected": self.rejected,
            "were so already": self.same,
            "not there any more": self.gone,
        }
        told = ", ".join(f"{count} {what}" for what, count in named.items() if count)
        lines = [f"{self.images} images came back: {told or 'nothing in them'}"]
        more = {
            "did not come back, or nobody labelled them: left as they are": self.waiting,
            "came back that had not gone out, or are not in this view: passed over": self.others,
            "left, others write to them": self.contested,
        }
        lines += [f"  {count} images {what}" for what, count in more.items() if count]
        lines += [f"  {line}" for line in (*skipped_lines(self.skipped), *self.notes)]
        return "\n".join(lines)


@needs_database
def import_prelabels(
    samples: foc.SampleCollection,
    label_field: str,
    path: str | Path,
    exported: str | Path | None = None,
    *,
    format: str | None = None,
    accept_unchanged: bool = True,
    reviewer: str | None = None,
) -> CorrectionReport:
    """Take back what people made of exported labels in an annotation tool, as decisions.

    Somebody looked at every image that comes back: a label that is as it was is accepted, one of
    another class is given that (see `relabel_as`), one with another mask is accepted with it (and
    has the attribute `corrected`), one that is missing is rejected, and a new object becomes a
    label that is accepted. Labels are found by the ids in the files or, where the format or the
    tool keeps none, by what they showed (mask IoU of at least 0.5). A mask that nobody changed
    stays as it is here, also where the format could not hold it. Images that do not come back stay
    as they are, as do those of which Label Studio has predictions alone, and those without a file
    of YOLO's.

    All is read before anything is written. One `undo` takes it back. The same files twice change
    nothing more.

    Args:
        samples: the dataset, or a view of the images that somebody looked at: tools such as labelme
            do not say which those are.
        label_field: Detections, which the labels were exported of.
        path: file or folder that the tool saved or exported.
        exported: folder that `export_prelabels` wrote; `path`, or where that lies, when None.
        format: of `path`, any that `import_labels` reads, where it is not to be recognised.
        accept_unchanged: accept labels that came back as they were; else leave those undecided.
        reviewer: who corrected them, where anybody knows.

    Raises:
        InputError: see `accept` and `import_labels`; a record that cannot be used, or none of the
            images had been exported. An image that is not found is no error, but in the report.
        StoreError: `exported` is not what was written.

    Example:
        >>> _ = ntt.export_prelabels(view, "predictions", "to-correct", to="labelme")
        >>> report = ntt.import_prelabels(view, "predictions", "to-correct")
        >>> report.images, report.accepted == dataset.count("predictions.detections")
        (3, True)
        >>> print(ntt.undo(dataset))
        predictions: corrections taken back in 3 samples
    """
    dataset = samples._root_dataset
    refresh(dataset)
    check_whole_images(samples, "importing corrections")
    label_field_type(all_images(dataset), label_field, (fol.Detections,))
    check_writable(dataset, label_field)
    path = Path(os.path.abspath(path))
    side = read_side_file(_side_place(path, exported))
    _check_field(side, label_field)
    findings = Findings("skip")
    sent = _sent(samples, side)
    files = open_labels(path, format, common_folder(list(sent)) or None)
    rule = _Rule(accept_unchanged, reviewer)
    found = _found(path, files, findings, sent)
    _require_whole(findings)
    declare_attributes(dataset, label_field, CORRECTION_FIELDS)
    corrected = _write(dataset, label_field, found.images, rule)
    return _report(found, corrected, len(sent), findings)


def _side_place(path: Path, exported: str | Path | None) -> Path:
    if exported is not None:
        return Path(exported)
    return path if path.is_dir() else path.parent


def _check_field(side: SideFile, field: str) -> None:
    if side.field != field:
        raise InputError(
            f"these labels were exported of field {side.field!r} of {side.dataset!r}, not of "
            f"{field!r}. Pass that field, or `import_labels` to read them into a new one."
        )


def _sent(samples: foc.SampleCollection, side: SideFile) -> dict[str, PrelabelledImage]:
    """The images of the view that were exported, by where their files are now."""
    found = {
        os.path.abspath(path): side.images[key]
        for key, path in zip(*samples.values(["id", "filepath"]), strict=True)
        if key in side.images
    }
    if not found:
        raise InputError(
            f"none of the {len(side.images)} exported images, of {side.dataset!r}, is in this view "
            f"of {samples._root_dataset.name!r}. Pass the dataset that they were exported of."
        )
    return found


_OF_IMAGES = ("missing image", "image size", "duplicate file", "unknown image")
"""What may be wrong with an image as a whole, whose labels then stay as they are."""


def _require_whole(findings: Findings) -> None:
    """Refuse what is read in part: a label that cannot be read would be taken as rejected."""
    for error in findings.skipped:
        if error.kind not in _OF_IMAGES:
            raise error


@dataclass(frozen=True)
class _Rule:
    """How what came back is taken.

    Attributes:
        accept_unchanged: see `import_prelabels`.
        reviewer: likewise.
    """

    accept_unchanged: bool
    reviewer: str | None

    def corrections(self, pairs: Paired) -> Iterator[Correction]:
        """Of an image."""
        for item, back in pairs.back:
            redrawn = is_redrawn(item, back)
            if item.rle is not None and back.rle is None:
                redrawn = False  # the tool has boxes alone: the mask is still the best there is
            if redrawn or back.label != item.label or self.accept_unchanged:
                label = back.label if back.label != item.label else None
                yield self._correction(item, self._accepted(label), back, redrawn)
        for item in pairs.missing:
            decision = Decision("reject", None, self.reviewer)
            yield self._correction(item, decision, Returned(item.label, item.rle, item.box))
        for new in pairs.new:
            yield Correction(None, self._accepted(None), new.label, new.rle, new.box)

    def _accepted(self, label: str | None) -> Decision:
        return Decision("accept", label, self.reviewer)

    @staticmethod
    def _correction(
        item: Prelabel, decision: Decision, back: Returned, redrawn: bool = False
    ) -> Correction:
        rle, box = (back.rle, back.box) if back.rle is not None else (item.rle, item.box)
        if item.rle is None and back.rle is None:
            box = back.box
        return Correction(
            ObjectId(item.id),
            decision,
            back.label,
            rle,
            box,
            redrawn,
            item.proposal,
            item.label,
        )


@dataclass
class _Found:
    """What was read: of each image of ours that somebody labelled, what went out and came back."""

    images: list[tuple[PrelabelledImage, Paired]] = field(default_factory=list)
    others: int = 0


def _found(
    path: Path, files: LabelFiles, findings: Findings, sent: dict[str, PrelabelledImage]
) -> _Found:
    found = _Found()
    for where, reviewed, objects in returned_images(path, files, findings):
        image = sent.get(str(where))
        if image is None:
            found.others += 1
        elif reviewed:
            _check_sizes(image, objects)
            found.images.append((image, paired(image.labels, objects)))
    if not found.images and found.others:
        raise InputError(
            f"{path}: none of its {found.others} images was exported from this view. Pass the "
            "files of the images that were, or name the folder of that export too."
        )
    return found


def _check_sizes(image: PrelabelledImage, objects: Sequence[Returned]) -> None:
    sizes = {tuple(item.rle["size"]) for item in objects if item.rle is not None}
    if others := sizes - {image.size}:
        [(height, width), *_] = others
        raise InputError(
            f"{image.name} was {image.size[1]} x {image.size[0]} px when its labels were exported, "
            f"and what came back is of {width} x {height} px. Restore the image, or import the "
            "labels into a field of their own with `import_labels`."
        )


def _write(
    dataset: fo.Dataset,
    name: str,
    images: Sequence[tuple[PrelabelledImage, Paired]],
    rule: _Rule,
) -> Corrected:
    total = Corrected()
    change = begin_change(dataset, name, "corrections")
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        corrections = {
            ObjectId(image.sample): list(rule.corrections(pairs)) for image, pairs in chunk
        }
        sizes = {ObjectId(image.sample): image.size for image, _ in chunk}
        part = write_corrections(dataset, name, corrections, sizes, change)
        total.counts.update(part.counts)
        total.contested += part.contested
        total.missing += part.missing
    if not change.samples():
        change.forget()
    return total


def _report(found: _Found, corrected: Corrected, sent: int, findings: Findings) -> CorrectionReport:
    counts: Counter[What] = corrected.counts
    return CorrectionReport(
        images=len(found.images),
        **{what: counts[what] for what in _WHATS},
        waiting=sent - len(found.images),
        others=found.others,
        contested=len(corrected.contested) + len(corrected.missing),
        skipped=tuple(findings.skipped),
        notes=findings.notes,
    )


_WHATS: tuple[What, ...] = (
    "accepted",
    "relabelled",
    "redrawn",
    "added",
    "rejected",
    "same",
    "gone",
)
