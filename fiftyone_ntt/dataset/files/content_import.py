"""COCO content into a field of Detections: all is checked first, then written part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import fiftyone as fo
import fiftyone.core.fields as fof

from fiftyone_ntt.coco.disk_rows import DiskRows
from fiftyone_ntt.coco.findings import (
    Findings,
    Record,
    RecordError,
    skipped_counts,
    skipped_lines,
)
from fiftyone_ntt.coco.image_files import ImageFile, ImageFolder, image_files
from fiftyone_ntt.coco.instances import Instance, Size
from fiftyone_ntt.coco.json_files import as_number, as_whole_number, is_text
from fiftyone_ntt.coco.reading import CocoFile, StreamedCoco, all_crowds_message
from fiftyone_ntt.coco.references import checked_instances
from fiftyone_ntt.coco.turning import turned_instance, turned_size
from fiftyone_ntt.dataset.files.import_target import (
    ImageDocument,
    ImportTarget,
    check_fields,
    check_place,
    check_target,
    declare_fields,
    free_name,
    imported_images,
    save_import_info,
)
from fiftyone_ntt.dataset.files.label_attributes import AttributeTable, Scalar
from fiftyone_ntt.dataset.labels.coco_labels import (
    CROWD,
    ID,
    Annotation,
    annotation_documents,
    class_list_fields,
)
from fiftyone_ntt.dataset.labels.gone import told_if_gone
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.errors import InputError

_CHUNK = 200
_NOTHING = "none of its images can be used, so there is nothing to import. Mend what was left out:"


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        dataset: imported into.
        field: that holds the annotations.
        images: imported, now or before an interruption.
        annotations: imported, likewise.
        skipped: the records left out, each an error with its `kind` and message.
        notes: lines about what was read otherwise than it stands: how often, and where first; and
            about what the files hold and is not kept.
        format: of the files, a name as `import_labels` takes it.
        why: what they were recognised by; empty where nobody had to.
    """

    dataset: fo.Dataset
    field: str
    images: int
    annotations: int
    skipped: tuple[RecordError, ...]
    notes: tuple[str, ...] = ()
    format: str = "coco"
    why: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Records left out, by kind."""
        return skipped_counts(self.skipped)

    def __str__(self) -> str:
        head = (
            f"{self.field}: {self.annotations} annotations of {self.images} images in "
            f"{self.dataset.name!r}"
        )
        left_out, *errors = skipped_lines(self.skipped) or [""]
        notes = [f"  {note}" for note in self.notes]
        read_as = [f"read as {self.format}: {self.why}"] if self.why else []
        lines = [f"{head}; {left_out}" if left_out else head, *errors, *notes]
        return "\n".join([*read_as, *lines])


@dataclass(frozen=True)
class LabelSource:
    """What is to be imported.

    Attributes:
        path: the file or folder that was given.
        images: folder that names of images are relative to.
        parts: reads it, in parts that fit in memory; all list all categories.
        own_ids: whether ids of images and annotations are the file's, and to be kept; else they are
            counted by the reader and tell nobody anything.
        identity: says what an interrupted import of it is recognised by; when None, what the parts
            hold.
        format: its name.
        why: what it was recognised by.
        lost: lines about what it holds and cannot be kept.
        below: folders that images have to lie in; any when None.
    """

    path: Path
    images: Path
    parts: Callable[[Findings], Iterable[CocoFile | StreamedCoco]]
    own_ids: bool = True
    identity: Callable[[], str] | None = None
    format: str = "coco"
    why: str = ""
    lost: tuple[str, ...] = ()
    below: Sequence[str | Path] | None = None


class _Image(NamedTuple):
    """An image that can be used: its file, its size as FiftyOne shows it, its split, and LVIS's
    lists of classes by field of the sample."""

    path: str
    size: Size
    split: str | None
    lists: dict[str, list[str]]


class _Survey:
    """All labels, checked, drawn on the images as they are shown, and kept on disk.

    Attributes:
        images: by their ids.
        annotations: how many can be used.
        attributes: what annotations say besides.
        categories: as the file has them.
        identity: what an interrupted import is recognised by.
    """

    def __init__(self, source: LabelSource, field: str, findings: Findings, rows: DiskRows) -> None:
        self.images: dict[Any, _Image] = {}
        self.annotations = 0
        self._later = Findings()  # of what is noted when a part is drawn
        self.attributes = AttributeTable(self._later)
        self.categories: list[Record] = []
        self._source, self._findings = source, findings
        self._list_fields = class_list_fields(field)
        self._crowds = self._listed = 0
        self._id_types: set[type] = set()
        self._numbers: dict[Any, int] = {}
        self._rows = rows
        self._digest = hashlib.sha256(repr((source.format, str(source.images))).encode())
        folder = ImageFolder(source.images, findings, source.below)
        for file in source.parts(findings):
            self._add(file, image_files(file, folder, findings))
        self.identity = source.identity() if source.identity else self._digest.hexdigest()

    @property
    def paths(self) -> dict[Any, str]:
        """Of the images, by their ids."""
        return {key: image.path for key, image in self.images.items()}

    def _add(self, file: CocoFile | StreamedCoco, files: Mapping[Any, ImageFile]) -> None:
        self.categories = file.category_records
        same = {key: file.categories[other] for key, other in file.same_categories.items()}
        names = {**file.categories, **same}
        for key, image in files.items():
            self._numbers.setdefault(key, len(self._numbers))
            size = turned_size(image.size) if image.turned else image.size
            split = file.images[key].get("split")
            self.images[key] = found = _Image(
                str(image.path),
                size,
                split if is_text(split) else None,
                self._class_lists(file.images[key], names),
            )
            self._digest.update(repr((key, found)).encode())
        first = self._listed
        rows = self._counted(file.annotations)
        for place, record, drawn in checked_instances(file.path, rows, files, self._findings):
            image, instance = files[record["image_id"]], drawn
            if image.turned:
                instance = turned_instance(drawn, image.size, image.orientation)
            label = file.categories[record["category_id"]]
            self._keep(record, Annotation(instance, label, self._key(record), first + place))
        for key, image in files.items():
            if image.turned:
                self._findings.note(
                    "images annotated as they are stored, turned with their labels as they are "
                    "shown",
                    f"image {key}",
                )
        self._findings.take_notes(self._later)

    def _class_lists(self, record: Record, names: Mapping[int, str]) -> dict[str, list[str]]:
        """For which classes LVIS says that the image is annotated, as far as it does."""
        found = {}
        for word, field in self._list_fields.items():
            if isinstance(record.get(word), list):
                numbers = map(as_whole_number, record[word])
                found[field] = [
                    names[number] for number in numbers if number is not None and number in names
                ]
        return found

    def _counted(self, annotations: Iterable[Record]) -> Iterator[Record]:
        for row in annotations:
            self._listed += 1
            self._crowds += bool(row.get("iscrowd"))
            yield row

    def _key(self, record: Record) -> int | str | None:
        return record.get("id") if self._source.own_ids else None

    def _keep(self, record: Record, annotation: Annotation) -> None:
        self.annotations += 1
        score = as_number(record.get("score"))
        if score is None and record.get("score") is not None:
            where = f"the score of annotation {record.get('id')}"
            self._later.note("values that are no numbers, taken as not given", where)
        self._id_types.add(type(record.get("id")))
        told = [None if score is None else float(score), self.attributes.see(record)]
        row = [*_as_row(annotation), *told]
        self._digest.update(self._rows.put(self._numbers[record["image_id"]], row))

    def labelled(self, keys: Sequence[Any]) -> Iterator[ImageDocument]:
        """Some images with their labels, as they shall lie in the database."""
        rows = self._rows.take([self._numbers[key] for key in keys])
        for key, found in zip(keys, rows, strict=True):
            image, digests, detections = self.images[key], {}, []
            kept = [_from_row(row, image.size) for row in found]
            drawn = annotation_documents([item for item, _, _ in kept], image.size)
            for (document, digest), (_, score, seen) in zip(drawn, kept, strict=True):
                told = {} if score is None else {"confidence": score}
                detections.append({**document, **told, **self.attributes.values(seen)})
                digests[str(document["_id"])] = digest
            labels = {"_cls": "Detections", "detections": detections}
            yield ImageDocument(key, *image, labels, digests)

    def kinds(self) -> dict[str, type[fof.Field]]:
        """Types of what is noted on the samples, and on their labels, by path from either."""
        found: dict[str, type[fof.Field]] = {f"detections.{CROWD}": fof.BooleanField}
        if self._source.own_ids:
            image_ids = {type(key) for key in self.images}
            for path, types in ((ID, image_ids), (f"detections.{ID}", self._id_types)):
                if kinds := types - {type(None)}:
                    found[path] = fof.IntField if kinds == {int} else fof.StringField
        listed = {name for image in self.images.values() for name in image.lists}
        found |= dict.fromkeys(sorted(listed), fof.ListField)
        named = self.attributes.kinds()
        return found | {f"detections.{name}": kind for name, kind in named.items()}

    def crowd_note(self) -> list[str]:
        """What to say of labels that are all crowds."""
        if self._listed and self._crowds == self._listed:
            return [all_crowds_message(str(self._source.path), self._listed)]
        return []


def _as_row(item: Annotation) -> list[Any]:
    """An annotation as it is kept on disk; its run lengths are of its image's size."""
    instance = item.instance
    counts = None if instance.rle is None else instance.rle["counts"].decode("ascii")
    return [
        *(item.label, item.key, item.position),
        *(counts, instance.box, instance.area, instance.crowd),
    ]


def _from_row(row: list[Any], size: Size) -> tuple[Annotation, float | None, dict[str, Scalar]]:
    """The annotation, its score and what else it says."""
    label, key, position, counts, box, area, crowd, score, seen = row
    rle = None if counts is None else {"size": list(size), "counts": counts.encode()}
    return Annotation(Instance(rle, box, area, crowd), label, key, position), score, seen


def import_source(
    source: LabelSource,
    dataset: str | fo.Dataset | None,
    field: str,
    findings: Findings,
    progress: Progress,
) -> ImportReport:
    """Import labels into a field of Detections.

    Args:
        source: of the labels.
        dataset: name of a new one, one to add to, or None for a new one of the source's name.
        field: for the labels; new to those images.
        findings: told of what cannot be used, and of what is read otherwise than it stands.
        progress: see `progress_steps`.

    Raises:
        RecordError: a record that cannot be used, unless `findings` skips it.
        InputError: the dataset or the field do not fit, or nothing can be used.
    """
    if dataset is not None:
        check_place(dataset, field)
    with DiskRows() as rows:
        survey = _Survey(source, field, findings, rows)
        target = _write(survey, source, dataset, field, findings, progress)
    return ImportReport(
        target,
        field,
        len(survey.images),
        survey.annotations,
        tuple(findings.skipped),
        (*findings.notes, *survey.crowd_note(), *source.lost),
        source.format,
        source.why,
    )


def _write(
    survey: _Survey,
    source: LabelSource,
    dataset: str | fo.Dataset | None,
    field: str,
    findings: Findings,
    progress: Progress,
) -> fo.Dataset:
    """Write what was surveyed, see `import_source`; returns where to."""
    paths = survey.paths
    if not paths:
        raise InputError(f"{source.path}: {_NOTHING}\n" + "\n".join(findings.lines()))
    name = free_name(source.path.stem, field, survey.identity) if dataset is None else dataset
    found = check_target(name, field, paths, survey.identity, own_ids=source.own_ids)
    kinds = survey.kinds()
    if found is not None:
        check_fields(found, field, kinds)
    target = fo.Dataset(str(name), persistent=True) if found is None else found
    with told_if_gone(target):
        done = imported_images(target, field, paths, own_ids=source.own_ids)
        writer = ImportTarget.begin(target, field, survey.identity, source.own_ids)
        declare_fields(target, field, kinds)
        save_import_info(target, field, survey.categories, source.images, survey.identity)
        keys = list(survey.images)
        with progress_steps(len(keys), progress) as advance:
            for start in range(0, len(keys), _CHUNK):
                some = keys[start : start + _CHUNK]
                writer.write(list(survey.labelled([key for key in some if key not in done])))
                for _ in some:
                    advance()
        save_import_info(target, field, survey.categories, source.images)
    return target
