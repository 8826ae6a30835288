"""Where labels of files go: a dataset that is made, added to, or gone on with, and its field."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.instances import Size
from fiftyone_ntt.dataset.labels.change_journal import Change, begin_change
from fiftyone_ntt.dataset.labels.coco_labels import ID, INFO, class_list_fields, described_import
from fiftyone_ntt.dataset.labels.detections import Document
from fiftyone_ntt.dataset.labels.digests import digest_if_any, document_digest
from fiftyone_ntt.dataset.labels.fields import all_images, check_samples, sample_count
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
from fiftyone_ntt.errors import InputError

_UNFINISHED = "unfinished"


@dataclass(frozen=True, eq=False)
class ImageDocument:
    """An image with its labels as they shall lie in the database.

    Attributes:
        key: its id in the file.
        path: of its file.
        size: height and width as FiftyOne shows it.
        split: that it is of, such as `train`; None of none.
        lists: of classes, by field of the sample.
        labels: a document of Detections.
        digests: of those detections, by their ids.
    """

    key: Any
    path: str
    size: Size
    split: str | None
    lists: Mapping[str, list[str]]
    labels: Document
    digests: Mapping[str, str]


@dataclass(frozen=True)
class ImportTarget:
    """A dataset's field that labels are being imported into.

    Attributes:
        dataset: imported into.
        field: for the labels.
        change: to undo it by.
        own_ids: whether images have ids of the file, which samples are to get.
        known: id of the sample by the path of its image.
    """

    dataset: fo.Dataset
    field: str
    change: Change
    own_ids: bool
    known: dict[str, str]

    @classmethod
    def begin(cls, dataset: fo.Dataset, field: str, identity: str, own_ids: bool) -> ImportTarget:
        """The change is that which an interrupted import began, if one was."""
        new = dataset.get_field(field) is None
        resume = _interrupted_import(dataset, field) == identity
        described = described_import(dataset, field)
        change = begin_change(
            dataset, field, "import", created=new, described=described, resume=resume
        )
        known = dict(zip(*all_images(dataset).values(["filepath", "id"]), strict=True))
        return cls(dataset, field, change, own_ids, known)

    def write(self, images: Sequence[ImageDocument]) -> None:
        """Write some images' labels; samples that are new are made first, and tagged with their
        splits."""
        check_still_there(self.dataset, self.field, "the import")
        self._add_samples([image for image in images if image.path not in self.known])
        if images:
            rows = {self.known[image.path]: image for image in images}
            _check_written(self.dataset, self.field, self._add(rows))

    def _add_samples(self, images: Sequence[ImageDocument]) -> None:
        # None of them outlives this: FiftyOne reads all labels of a sample that is alive when they
        # are written, which takes longer than everything else.
        samples = [
            fo.Sample(
                filepath=image.path,
                tags=[] if image.split is None else [image.split],
                metadata=fo.ImageMetadata(height=image.size[0], width=image.size[1]),
                **({ID: image.key} if self.own_ids else {}),
            )
            for image in images
        ]
        if samples:
            self.dataset.add_samples(samples, progress=False)
            self.known.update({sample.filepath: sample.id for sample in samples})

    def _add(self, images: Mapping[str, ImageDocument]) -> Written:
        """Write labels, and what else is known of the images by field, into samples that are there
        already, where the field is still empty."""
        ids = list(map(ObjectId, images))
        names = sorted({name for image in images.values() for name in self._others(image)})
        found = self.dataset._sample_collection.find({"_id": {"$in": ids}}, dict.fromkeys(names, 1))
        before = {row["_id"]: row for row in found}

        def decide(held: Held) -> Rewrite | None:
            image = images[str(held.sample_id)]
            document, digests = image.labels, image.digests
            others, old = self._others(image), before.get(held.sample_id, {})
            if held.labels:
                # An earlier version's interrupted import wrote them, and not yet the image's id.
                if not _same_labels(held.labels, digests.values()):
                    return None
                document = dict(held.value)
            return Rewrite(
                document,
                digests={} if held.labels else digests,
                added=0 if held.labels else len(digests),
                others={name: [value] for name, value in others.items()},
                others_before={name: [old[name]] if name in old else [] for name in others},
            )

        return rewrite_field(self.dataset, self.field, ids, decide, self.change)

    def _others(self, image: ImageDocument) -> Document:
        """What is written on a sample besides the labels, by field."""
        return {**({ID: image.key} if self.own_ids else {}), **image.lists}


def check_target(
    dataset: str | fo.Dataset,
    field: str,
    paths: Mapping[Any, str],
    identity: str,
    *,
    own_ids: bool,
) -> fo.Dataset | None:
    """The dataset to import into; None for one that is still to be made.

    Args:
        dataset: name of a new one, or one to add to.
        field: for the labels.
        paths: of the images, by their ids.
        identity: what an interrupted import is recognised by.
        own_ids: whether those ids are the file's, and not counted by the reader.

    Raises:
        InputError: it is there already, or holds something else in the places to write to.
    """
    found = check_place(dataset, field)
    if found is None:
        return None
    if isinstance(dataset, str):
        if sample_count(all_images(found)) and _interrupted_import(found, field) != identity:
            raise _taken(dataset)
        return found
    _check_groups(dataset, paths)
    if _interrupted_import(dataset, field) != identity:
        _check_empty(dataset, field, paths)
        if own_ids:
            _check_ids(dataset, paths)
    return dataset


def check_place(dataset: str | fo.Dataset, field: str) -> fo.Dataset | None:
    """What of `check_target` can be told before anything is read, which may take an hour.

    Raises:
        InputError: as there.
    """
    if field == ID:
        raise InputError(f"{ID!r} is where images keep their id of the file. Pass another field.")
    if not isinstance(dataset, str):
        check_fields(dataset, field)
        return dataset
    check_field_name(field)
    if not fo.dataset_exists(dataset):
        _check_new_dataset(dataset)
        return None
    found = fo.load_dataset(dataset)
    check_fields(found, field)
    if sample_count(all_images(found)) and _interrupted_import(found, field) is None:
        raise _taken(dataset)
    return found


def _taken(name: str) -> InputError:
    return InputError(
        f"there already is a dataset {name!r}. Pass another name, or the dataset itself "
        "(`fo.load_dataset(...)`) to add to it."
    )


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


def check_fields(
    dataset: fo.Dataset, field: str, kinds: Mapping[str, type[fof.Field]] = MappingProxyType({})
) -> None:
    """Accept the places of a dataset that an import writes to.

    Args:
        dataset: imported into.
        field: for the annotations.
        kinds: types of what is noted on the samples, and on their labels, by path from either, as
            far as they are known.

    Raises:
        InputError: one holds something else, or is read-only.
    """
    check_samples(all_images(dataset), "importing labels")
    of_samples = _sample_fields(field) & set(kinds)
    attributes = {path: kind for path, kind in kinds.items() if path not in of_samples}
    check_new_field(dataset, field, fol.Detections, attributes)
    for path in of_samples:
        check_field_kind(dataset, path, kinds[path])
        _check_listed(dataset, path)
    check_writable(dataset, ID, *of_samples)
    if not isinstance(dataset.info.get(INFO, {}), Mapping):
        raise InputError(
            f"`info[{INFO!r}]` of dataset {dataset.name!r} is none of an import, which keeps the "
            "file's categories there. Rename it, and save the dataset."
        )


def _check_listed(dataset: fo.Dataset, path: str) -> None:
    """Accept a list of texts, if it is a list."""
    found = dataset.get_field(path)
    listed = found.field if isinstance(found, fof.ListField) else None
    if listed is not None and not isinstance(listed, fof.StringField):
        raise InputError(
            f"{path!r} of {dataset.name!r} lists {type(listed).__name__}, and StringField is to "
            "be listed there. Pass another field, or rename what is there "
            "(`dataset.rename_sample_field`)."
        )


def _interrupted_import(dataset: fo.Dataset, field: str) -> str | None:
    """Identity of the import into this field that was interrupted, if one was."""
    described = dataset.info.get(INFO, {}).get(field, {})
    found: str | None = described.get(_UNFINISHED)
    return found


def imported_images(
    dataset: fo.Dataset, field: str, paths: Mapping[Any, str], *, own_ids: bool
) -> set[Any]:
    """Ids of the images that an interrupted import has written whole."""
    if dataset.get_field(field) is None or (own_ids and dataset.get_field(ID) is None):
        return set()
    filled = all_images(dataset).exists(field)
    if not own_ids:
        written = set(filled.values("filepath"))
        return {key for key, path in paths.items() if path in written}
    ids = dict(zip(*filled.values(["filepath", ID]), strict=True))
    return {key for key, path in paths.items() if ids.get(path) == key}


def free_name(wanted: str, field: str, identity: str) -> str:
    """A name for a new dataset: the wanted one, as far as FiftyOne takes it, with a number if it is
    taken; or that of the dataset in which the same import was interrupted."""
    base = re.sub(r"[^\w .-]", "_", wanted).strip() or "labels"
    for number in itertools.count(1):
        name = base if number == 1 else f"{base}-{number}"
        if not fo.dataset_exists(name):
            try:
                fod._validate_dataset_name(name)
            except ValueError:
                continue
            return name
        if _interrupted_import(fo.load_dataset(name), field) == identity:
            return name
    raise AssertionError  # numbers do not end


def _check_empty(dataset: fo.Dataset, field: str, paths: Mapping[Any, str]) -> None:
    if dataset.get_field(field) is None:
        return
    filled = set(all_images(dataset).exists(field).values("filepath")) & set(paths.values())
    if filled:
        raise InputError(
            f"field {field!r} of {len(filled)} of these {len(paths)} images in {dataset.name!r} "
            "already holds labels. Pass another field."
        )


def _check_ids(dataset: fo.Dataset, paths: Mapping[Any, str]) -> None:
    """An image keeps one id, of all the files that were imported."""
    if dataset.get_field(ID) is None:
        return
    owners = {path: key for key, path in paths.items()}
    for path, key in zip(*all_images(dataset).values(["filepath", ID]), strict=True):
        if path in owners and key not in (None, owners[path]):
            raise InputError(
                f"{path} has the id {key} in {dataset.name!r} but {owners[path]} in this file. "
                "Import the file into a dataset of its own."
            )


def declare_fields(dataset: fo.Dataset, field: str, kinds: Mapping[str, type[fof.Field]]) -> None:
    """Fields of the one type their values have, so that the App can filter by them."""
    dataset.add_sample_field(field, fof.EmbeddedDocumentField, embedded_doc_type=fol.Detections)
    of_samples = _sample_fields(field)
    for path, kind in kinds.items():
        texts = {"subfield": fof.StringField} if kind is fof.ListField else {}
        dataset.add_sample_field(path if path in of_samples else f"{field}.{path}", kind, **texts)


def _sample_fields(field: str) -> set[str]:
    """What an import into a field writes on the samples besides."""
    return {ID, *class_list_fields(field).values()}


def _digests(labels: Mapping[str, Any]) -> dict[str, str]:
    return {str(label["_id"]): document_digest(label) for label in labels["detections"]}


def _same_labels(labels: Sequence[Document], digests: Iterable[str]) -> bool:
    """Whether labels, which may be of anybody, are those of the digests."""
    found = Counter(map(digest_if_any, labels))
    return found == Counter(digests)


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


def save_import_info(
    dataset: fo.Dataset,
    field: str,
    categories: Sequence[Record],
    folder: Path,
    unfinished: str | None = None,
) -> None:
    """What an export needs besides the samples; and, while it goes on, which import this is."""
    described = dict(dataset.info.get(INFO, {}))
    kept = [_storable(record) for record in categories]
    described[field] = {"images": str(folder), "categories": kept}
    if unfinished is not None:
        described[field][_UNFINISHED] = unfinished
    dataset.info[INFO] = described
    dataset.classes[field] = [record["name"] for record in categories]
    dataset.save()


def _storable(record: Record) -> Record:
    """A category without what a database cannot hold, such as numbers of more than 64 bits."""
    try:
        bson.encode(record)
    except (ValueError, OverflowError, TypeError, RecursionError, BSONError):
        return {"id": record["id"], "name": record["name"]}
    return record
