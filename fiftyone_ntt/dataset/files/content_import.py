"""COCO content into a field of Detections: all is checked first, then written part by part."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof

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
from fiftyone_ntt.coco.reading import CocoFile, all_crowds_message
from fiftyone_ntt.coco.references import checked_instances
from fiftyone_ntt.coco.turning import turned_instance, turned_size
from fiftyone_ntt.dataset.files.import_target import (
    ImportTarget,
    check_fields,
    check_target,
    declare_fields,
    free_name,
    imported_images,
    save_import_info,
)
from fiftyone_ntt.dataset.files.label_attributes import AttributeTable
from fiftyone_ntt.dataset.labels.coco_labels import CROWD, ID, class_list_fields, instance_document
from fiftyone_ntt.dataset.labels.detections import Document
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
        parts: reads it, anew at each call, in parts that fit in memory; all list all categories.
        own_ids: whether ids of images and annotations are the file's, and to be kept; else they are
            counted by the reader and tell nobody anything.
        identity: says what an interrupted import of it is recognised by; when None, what the parts
            hold.
        format: its name.
        why: what it was recognised by.
        lost: lines about what it holds and cannot be kept.
    """

    path: Path
    images: Path
    parts: Callable[[Findings], Iterable[CocoFile]]
    own_ids: bool = True
    identity: Callable[[], str] | None = None
    format: str = "coco"
    why: str = ""
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Annotation:
    position: int
    record: Record
    instance: Instance


@dataclass(frozen=True)
class _Part:
    """Some images with what can be used of their annotations, drawn on them as they are shown."""

    file: CocoFile
    files: dict[Any, ImageFile]
    by_image: Mapping[Any, list[_Annotation]]

    @property
    def sizes(self) -> dict[Any, Size]:
        """Height and width as FiftyOne shows the images, by their ids."""
        return {
            key: turned_size(image.size) if image.turned else image.size
            for key, image in self.files.items()
        }

    @property
    def splits(self) -> dict[Any, str]:
        """Of the images that are of one, such as `train`, by their ids."""
        told = {key: self.file.images[key].get("split") for key in self.files}
        return {key: str(split) for key, split in told.items() if is_text(split)}

    def class_lists(self, field: str) -> dict[Any, dict[str, list[str]]]:
        """Of the images that have them, LVIS's lists of classes by field of the sample, by ids."""
        found: dict[Any, dict[str, list[str]]] = defaultdict(dict)
        names = {**self.file.categories, **self._doubles}
        for word, name in class_list_fields(field).items():
            for key in self.files:
                listed = self.file.images[key].get(word)
                if isinstance(listed, list):
                    numbers = map(as_whole_number, listed)
                    found[key][name] = [names[number] for number in numbers if number in names]
        return found

    @property
    def _doubles(self) -> dict[int, str]:
        """Names of categories for which others of the same name stand, by their ids."""
        file = self.file
        return {key: file.categories[other] for key, other in file.same_categories.items()}

    @property
    def paths(self) -> dict[Any, str]:
        """Of the images, by their ids."""
        return {key: str(image.path) for key, image in self.files.items()}


class _Survey:
    """What all parts hold, without holding them.

    Attributes:
        paths: of the images, by their ids.
        annotations: how many can be used.
        attributes: what annotations say besides.
        categories: as the file has them.
        identity: what an interrupted import is recognised by.
    """

    def __init__(self, source: LabelSource, field: str, findings: Findings) -> None:
        self.paths: dict[Any, str] = {}
        self.annotations = 0
        self.attributes = AttributeTable(findings)
        self.categories: list[Record] = []
        self._source, self._field, self._findings = source, field, findings
        self._list_fields: set[str] = set()
        self._crowds = self._listed = self._parts = 0
        self._id_types: set[type] = set()
        self._kept: _Part | None = None
        digest = hashlib.sha256(repr((source.format, str(source.images))).encode())
        for part in _parts(source, findings):
            if source.identity is None:
                digest.update(repr((part.file.images, part.file.annotations)).encode())
            self._add(part)
        self.identity = source.identity() if source.identity else digest.hexdigest()

    def _add(self, part: _Part) -> None:
        self._parts += 1
        # Of a file in one part, nothing needs to be read or drawn again.
        self._kept = part if self._parts == 1 else None
        self.categories = part.file.category_records
        self.paths.update(part.paths)
        self._list_fields.update(*part.class_lists(self._field).values())
        self._listed += len(part.file.annotations)
        self._crowds += sum(bool(row.get("iscrowd")) for row in part.file.annotations)
        for group in part.by_image.values():
            self.annotations += len(group)
            for item in group:
                if _score(item.record) is None and item.record.get("score") is not None:
                    where = f"the score of annotation {item.record.get('id')}"
                    self._findings.note("values that are no numbers, taken as not given", where)
                self.attributes.see(item.record)
                self._id_types.add(type(item.record.get("id")))

    def again(self, findings: Findings) -> Iterator[_Part]:
        """The parts that were surveyed."""
        if self._kept is not None:
            return iter([self._kept])
        # What is wrong with them is said already.
        return _parts(self._source, Findings("skip" if findings.skipped else "raise"))

    def kinds(self) -> dict[str, type[fof.Field]]:
        """Types of what is noted on the samples, and on their labels, by path from either."""
        found: dict[str, type[fof.Field]] = {f"detections.{CROWD}": fof.BooleanField}
        if self._source.own_ids:
            image_ids = {type(key) for key in self.paths}
            for path, types in ((ID, image_ids), (f"detections.{ID}", self._id_types)):
                if kinds := types - {type(None)}:
                    found[path] = fof.IntField if kinds == {int} else fof.StringField
        found |= dict.fromkeys(sorted(self._list_fields), fof.ListField)
        named = self.attributes.kinds()
        return found | {f"detections.{name}": kind for name, kind in named.items()}

    def crowd_note(self) -> list[str]:
        """What to say of labels that are all crowds."""
        if self._listed and self._crowds == self._listed:
            return [all_crowds_message(str(self._source.path), self._listed)]
        return []


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
    if isinstance(dataset, fo.Dataset):
        check_fields(dataset, field)  # before everything is read for nothing
    survey = _Survey(source, field, findings)
    if not survey.paths:
        raise InputError(f"{source.path}: {_NOTHING}\n" + "\n".join(findings.lines()))
    name = free_name(source.path.stem, field, survey.identity) if dataset is None else dataset
    found = check_target(name, field, survey.paths, survey.identity, own_ids=source.own_ids)
    kinds = survey.kinds()
    if found is not None:
        check_fields(found, field, kinds)
    target = fo.Dataset(str(name), persistent=True) if found is None else found
    with told_if_gone(target):
        done = imported_images(target, field, survey.paths, own_ids=source.own_ids)
        writer = ImportTarget.begin(target, field, survey.identity, source.own_ids)
        declare_fields(target, field, kinds)
        save_import_info(target, field, survey.categories, source.images, survey.identity)
        with progress_steps(len(survey.paths), progress) as advance:
            position = 0
            for part in survey.again(findings):
                _write_part(part, done, position, survey, writer, advance)
                position += len(part.file.annotations)
        save_import_info(target, field, survey.categories, source.images)
    return ImportReport(
        target,
        field,
        len(survey.paths),
        survey.annotations,
        tuple(findings.skipped),
        (*findings.notes, *survey.crowd_note(), *source.lost),
        source.format,
        source.why,
    )


def _write_part(
    part: _Part,
    done: set[Any],
    first: int,
    survey: _Survey,
    writer: ImportTarget,
    advance: Callable[[], None],
) -> None:
    sizes, paths, keys = part.sizes, part.paths, list(part.files)
    splits, lists = part.splits, part.class_lists(writer.field)
    for start in range(0, len(keys), _CHUNK):
        labels = {}
        for key in keys[start : start + _CHUNK]:
            if key not in done:
                labels[key] = {
                    "_cls": "Detections",
                    "detections": [
                        _detection(item, part.file, sizes[key], first, survey, writer.own_ids)
                        for item in part.by_image.get(key, ())
                    ],
                }
            advance()
        writer.write(labels, paths, sizes, splits, lists)


def _detection(
    item: _Annotation, file: CocoFile, size: Size, first: int, survey: _Survey, own_ids: bool
) -> Document:
    record = item.record
    score = _score(record)
    return {
        **instance_document(
            item.instance,
            size,
            file.categories[record["category_id"]],
            record.get("id") if own_ids else None,
            first + item.position,
        ),
        **({} if score is None else {"confidence": score}),
        **survey.attributes.values(record),
    }


def _score(record: Record) -> float | None:
    score = as_number(record.get("score"))
    return None if score is None else float(score)


def _parts(source: LabelSource, findings: Findings) -> Iterator[_Part]:
    folder = ImageFolder(source.images, findings)
    for file in source.parts(findings):
        files = image_files(file, folder, findings)
        yield _Part(file, files, _annotations_by_image(file, files, findings))


def _annotations_by_image(
    file: CocoFile, files: Mapping[Any, ImageFile], findings: Findings
) -> dict[Any, list[_Annotation]]:
    """The annotations by image id, drawn as run lengths on the images as shown."""
    found: dict[Any, list[_Annotation]] = defaultdict(list)
    for position, instance in checked_instances(file, dict(files), findings):
        record = file.annotations[position]
        image = files[record["image_id"]]
        shown = (
            turned_instance(instance, image.size, image.orientation) if image.turned else instance
        )
        found[record["image_id"]].append(_Annotation(position, record, shown))
    for key, image in files.items():
        if image.turned:
            findings.note(
                "images annotated as they are stored, turned with their labels as they are shown",
                f"image {key}",
            )
    return found
