"""COCO annotations into FiftyOne, pixel for pixel."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import bson
import fiftyone as fo
import fiftyone.core.dataset as fod
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
import fiftyone.core.media as fom
from bson import ObjectId
from bson.errors import BSONError

from fiftyone_ntt.coco.findings import (
    Findings,
    OnError,
    Record,
    RecordError,
    skipped_counts,
    skipped_lines,
)
from fiftyone_ntt.coco.image_files import ImageFile, image_files
from fiftyone_ntt.coco.instances import Instance, Size
from fiftyone_ntt.coco.reading import CocoFile, Crowds, all_crowds_message, read_coco
from fiftyone_ntt.coco.references import checked_instances
from fiftyone_ntt.coco.turning import turned_instance, turned_size
from fiftyone_ntt.dataset.labels.change_journal import Change, begin_change
from fiftyone_ntt.dataset.labels.coco_labels import (
    CROWD,
    ID,
    INFO,
    described_import,
    instance_document,
)
from fiftyone_ntt.dataset.labels.detections import Document
from fiftyone_ntt.dataset.labels.digests import document_digest
from fiftyone_ntt.dataset.labels.fields import all_images, check_samples, sample_count
from fiftyone_ntt.dataset.labels.gone import needs_database, told_if_gone
from fiftyone_ntt.dataset.labels.names import (
    check_field_kind,
    check_field_name,
    check_new_field,
    check_still_there,
    check_writable,
)
from fiftyone_ntt.dataset.labels.writing import (
    Held,
    Rewrite,
    Written,
    rewrite_field,
)
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.errors import InputError

_CHUNK = 200
_UNFINISHED = "unfinished"
_NOTHING = "none of its images can be used, so there is nothing to import. Mend what was left out:"


@dataclass(frozen=True)
class ImportReport:
    """What `import_coco` did.

    Attributes:
        dataset: imported into.
        field: that holds the annotations.
        images: imported, now or before an interruption.
        annotations: imported, likewise.
        skipped: the records left out, each an error with its `kind` and message.
        notes: lines about what was read otherwise than it stands: how often, and where first.
    """

    dataset: fo.Dataset
    field: str
    images: int
    annotations: int
    skipped: tuple[RecordError, ...]
    notes: tuple[str, ...] = ()

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
        return "\n".join([f"{head}; {left_out}" if left_out else head, *errors, *notes])


@dataclass(frozen=True)
class _Annotation:
    position: int
    record: Record
    instance: Instance


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

    Everything is checked before anything is written. An import that was interrupted goes on where
    it was when the same call is made again.

    Args:
        images: folder of the images.
        annotations: COCO file; one without annotations imports the images alone.
        dataset: name of a new, persistent dataset, or a dataset to add to: images it has
            already are recognised by their path. A grouped dataset must have all of them.
        field: new to those images. Each detection has its category as label, and the attributes
            `iscrowd`, `coco_id` and `coco_source` (the file's own box and area); samples get
            `coco_id`. An empty `segmentation` means a box without a mask.
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
    folder = Path(os.path.abspath(images))
    file = read_coco(annotations, findings, crowds=crowds)
    files = image_files(file, folder, findings)
    if not files:
        raise InputError(f"{file.path}: {_NOTHING}\n" + "\n".join(findings.lines()))
    sizes = {key: _shown_size(image) for key, image in files.items()}
    paths = {key: str(image.path) for key, image in files.items()}
    identity = _import_identity(file, folder)
    found = _check_target(dataset, field, paths, identity)
    by_image = _annotations_by_image(file, files, findings)
    kinds = _attribute_kinds(sizes, by_image)
    if found is not None:
        _check_fields(found, field, kinds)
    target = fo.Dataset(str(dataset), persistent=True) if found is None else found
    with told_if_gone(target):
        known = dict(zip(*all_images(target).values(["filepath", "id"]), strict=True))
        done = _imported_images(target, field, paths)
        change = _begin(target, field, identity)
        _declare_fields(target, field, kinds)
        _save_import_info(target, field, file, folder, unfinished=identity)
        with progress_steps(len(sizes), progress) as advance:
            keys = list(sizes)
            for start in range(0, len(keys), _CHUNK):
                part = {}
                for key in keys[start : start + _CHUNK]:
                    if key not in done:
                        part[key] = _detections(by_image[key], file, sizes[key])
                    advance()
                _write(target, field, part, paths, sizes, known, change)
        _save_import_info(target, field, file, folder)
    return ImportReport(
        target,
        field,
        len(sizes),
        sum(map(len, by_image.values())),
        tuple(findings.skipped),
        (*findings.notes, *_crowd_note(file)),
    )


def _begin(dataset: fo.Dataset, field: str, identity: str) -> Change:
    """The change to undo, of an interrupted import the one it began."""
    new = dataset.get_field(field) is None
    resume = _interrupted_import(dataset, field) == identity
    described = described_import(dataset, field)
    return begin_change(dataset, field, "import", created=new, described=described, resume=resume)


def _shown_size(image: ImageFile) -> Size:
    """Height and width as FiftyOne shows it."""
    return turned_size(image.size) if image.turned else image.size


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


def _crowd_note(file: CocoFile) -> list[str]:
    """What to say of a file whose annotations are all crowds."""
    if file.annotations and all(row.get("iscrowd") for row in file.annotations):
        return [all_crowds_message(str(file.path), len(file.annotations))]
    return []


def _import_identity(file: CocoFile, folder: Path) -> str:
    """What an interrupted import is recognised by: the file's content and the images' folder."""
    digest = hashlib.sha256(file.path.read_bytes())
    digest.update(str(folder).encode())
    return digest.hexdigest()


def _check_target(
    dataset: str | fo.Dataset, field: str, paths: Mapping[Any, str], identity: str
) -> fo.Dataset | None:
    """The dataset to import into; None for one that is still to be made."""
    if field == ID:
        raise InputError(f"{ID!r} is where images keep their id of the file. Pass another field.")
    if isinstance(dataset, str):
        check_field_name(field)
        if not fo.dataset_exists(dataset):
            _check_new_dataset(dataset)
            return None
        found = fo.load_dataset(dataset)
        _check_fields(found, field)
        if sample_count(all_images(found)) and _interrupted_import(found, field) != identity:
            raise InputError(
                f"there already is a dataset {dataset!r}. Pass another name, or the dataset itself "
                "(`fo.load_dataset(...)`) to add to it."
            )
        return found
    _check_fields(dataset, field)
    _check_groups(dataset, paths)
    if _interrupted_import(dataset, field) != identity:
        _check_no_conflict(dataset, field, paths)
    return dataset


def _check_groups(dataset: fo.Dataset, paths: Mapping[Any, str]) -> None:
    """A sample of a grouped dataset is one of a group, of which a COCO file knows nothing."""
    if dataset.media_type != fom.GROUP:
        return
    missing = sorted(set(paths.values()) - set(all_images(dataset).values("filepath")))
    if missing:
        raise InputError(
            f"{len(missing)} of these {len(paths)} images are not in {dataset.name!r}, as "
            f"{missing[0]}, and that dataset is grouped: the file does not say which groups they "
            "are of. Add them to their groups first, or import into a dataset of its own."
        )


def _check_new_dataset(name: str) -> None:
    """Accept the name of a dataset that is still to be made.

    Raises:
        InputError: FiftyOne takes no such name, or another dataset's is too much like it.
    """
    try:
        fod._validate_dataset_name(name)
    except ValueError as error:
        raise InputError(
            f"no dataset can be called {name!r}: {error}. Pass another name."
        ) from error


def _check_fields(
    dataset: fo.Dataset, field: str, kinds: Mapping[str, type[fof.Field]] = MappingProxyType({})
) -> None:
    """Accept the places of a dataset that an import writes to.

    Args:
        dataset: imported into.
        field: for the annotations.
        kinds: see `_attribute_kinds`; as far as they are known.

    Raises:
        InputError: one holds something else, or is read-only.
    """
    check_samples(all_images(dataset), "importing a COCO file")
    attributes = {path: kind for path, kind in kinds.items() if path != ID}
    check_new_field(dataset, field, fol.Detections, attributes)
    if ID in kinds:
        check_field_kind(dataset, ID, kinds[ID])
    check_writable(dataset, ID)
    if not isinstance(dataset.info.get(INFO, {}), Mapping):
        raise InputError(
            f"`info[{INFO!r}]` of dataset {dataset.name!r} is none of an import, which keeps the "
            "file's categories there. Rename it, and save the dataset."
        )


def _interrupted_import(dataset: fo.Dataset, field: str) -> str | None:
    """Identity of the import into this field that was interrupted, if one was."""
    described = dataset.info.get(INFO, {}).get(field, {})
    found: str | None = described.get(_UNFINISHED)
    return found


def _imported_images(dataset: fo.Dataset, field: str, paths: Mapping[Any, str]) -> set[Any]:
    """Ids of the images that an interrupted import has written whole."""
    if dataset.get_field(field) is None or dataset.get_field(ID) is None:
        return set()
    filled = dict(zip(*all_images(dataset).exists(field).values(["filepath", ID]), strict=True))
    return {key for key, path in paths.items() if filled.get(path) == key}


def _check_no_conflict(dataset: fo.Dataset, field: str, paths: Mapping[Any, str]) -> None:
    owners, images = {path: key for key, path in paths.items()}, all_images(dataset)
    if dataset.get_field(field) is not None:
        filled = set(images.exists(field).values("filepath")) & set(owners)
        if filled:
            raise InputError(
                f"field {field!r} of {len(filled)} of these {len(paths)} images in "
                f"{dataset.name!r} already holds labels. Pass another field."
            )
    if dataset.get_field(ID) is not None:
        for path, key in zip(*images.values(["filepath", ID]), strict=True):
            if path in owners and key not in (None, owners[path]):
                raise InputError(
                    f"{path} has the id {key} in {dataset.name!r} but {owners[path]} in this file. "
                    "Import the file into a dataset of its own."
                )


def _attribute_kinds(
    sizes: Collection[Any], by_image: Mapping[Any, list[_Annotation]]
) -> dict[str, type[fof.Field]]:
    """Types of what is noted on the samples, and on their labels, by path from either."""
    ids = [item.record.get("id") for group in by_image.values() for item in group]
    found: dict[str, type[fof.Field]] = {f"detections.{CROWD}": fof.BooleanField}
    for path, values in ((ID, list(sizes)), (f"detections.{ID}", ids)):
        kinds = {type(value) for value in values if value is not None}
        if kinds:
            found[path] = fof.IntField if kinds == {int} else fof.StringField
    return found


def _declare_fields(dataset: fo.Dataset, field: str, kinds: Mapping[str, type[fof.Field]]) -> None:
    """Fields of the one type their values have, so that the App can filter by them."""
    dataset.add_sample_field(field, fof.EmbeddedDocumentField, embedded_doc_type=fol.Detections)
    for path, kind in kinds.items():
        dataset.add_sample_field(path if path == ID else f"{field}.{path}", kind)


def _detections(group: list[_Annotation], file: CocoFile, size: Size) -> Document:
    return {
        "_cls": "Detections",
        "detections": [
            instance_document(
                item.instance,
                size,
                file.categories[item.record["category_id"]],
                item.record.get("id"),
                item.position,
            )
            for item in group
        ],
    }


def _write(
    dataset: fo.Dataset,
    field: str,
    part: Mapping[Any, Document],
    paths: Mapping[Any, str],
    sizes: Mapping[Any, Size],
    known: dict[str, str],
    change: Change,
) -> None:
    """Write some images' labels; samples that are new are made first."""
    check_still_there(dataset, field, "the import")
    new = [
        fo.Sample(
            filepath=paths[key],
            metadata=fo.ImageMetadata(height=sizes[key][0], width=sizes[key][1]),
            **{ID: key},
        )
        for key in part
        if paths[key] not in known
    ]
    if new:
        dataset.add_samples(new, progress=False)
        known.update({sample.filepath: sample.id for sample in new})
    if part:
        labels = {known[paths[key]]: (part[key], key) for key in part}
        _check_written(dataset, field, _add_to(dataset, field, labels, change))


def _digests(labels: Mapping[str, Any]) -> dict[str, str]:
    return {str(label["_id"]): document_digest(label) for label in labels["detections"]}


def _add_to(
    dataset: fo.Dataset,
    field: str,
    labels: Mapping[str, tuple[Document, Any]],
    change: Change,
) -> Written:
    """Write labels, and the image's id, into samples that are there already, where the field is
    still empty."""

    ids = list(map(ObjectId, labels))
    found = dataset._sample_collection.find({"_id": {"$in": ids}}, {ID: 1})
    before = {row["_id"]: [row[ID]] if ID in row else [] for row in found}

    def decide(held: Held) -> Rewrite | None:
        document, key = labels[str(held.sample_id)]
        digests = _digests(document)
        if held.labels:
            # An earlier version's interrupted import wrote them, and not yet the image's id.
            if sorted(_digests(held.value).values()) != sorted(digests.values()):
                return None
            document = dict(held.value)
        return Rewrite(
            document,
            digests={} if held.labels else digests,
            added=0 if held.labels else len(digests),
            others={ID: [key]},
            others_before={ID: before.get(held.sample_id, [])},
        )

    return rewrite_field(dataset, field, ids, decide, change)


def _check_written(dataset: fo.Dataset, field: str, written: Written) -> None:
    """Check that all samples got their labels.

    Raises:
        InputError: somebody labelled one meanwhile, or deleted it.
    """
    if written.missing:
        raise InputError(
            f"{len(written.missing)} of these images were deleted from {dataset.name!r} meanwhile, "
            f"as was sample {written.missing[0]}. Make the same call again to import them anew."
        )
    if missed := [*written.left, *written.contested]:
        raise InputError(
            f"field {field!r} of {len(missed)} of these images in {dataset.name!r} was labelled "
            f"by somebody else meanwhile, as of sample {missed[0]}. Those labels stay; import into "
            "another field."
        )


def _save_import_info(
    dataset: fo.Dataset, field: str, file: CocoFile, folder: Path, unfinished: str | None = None
) -> None:
    """What an export needs besides the samples; and, while it goes on, which import this is."""
    described = dict(dataset.info.get(INFO, {}))
    categories = [_storable(record) for record in file.category_records]
    described[field] = {"images": str(folder), "categories": categories}
    if unfinished is not None:
        described[field][_UNFINISHED] = unfinished
    dataset.info[INFO] = described
    dataset.classes[field] = [record["name"] for record in file.category_records]
    dataset.save()


def _storable(record: Record) -> Record:
    """A category without what a database cannot hold, such as numbers of more than 64 bits."""
    try:
        bson.encode(record)
    except (ValueError, OverflowError, TypeError, RecursionError, BSONError):
        return {"id": record["id"], "name": record["name"]}
    return record
