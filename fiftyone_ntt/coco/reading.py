"""A COCO annotation file: read once, checked, and put in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from fiftyone_ntt.coco.annotation_checks import IdTable, as_object, checked_annotations
from fiftyone_ntt.coco.annotation_ids import OwnIds, one_type
from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.json_files import as_id, as_whole_number, is_text, read_json
from fiftyone_ntt.coco.json_items import JsonRows, object_with_rows
from fiftyone_ntt.coco.streamed_annotations import StreamedAnnotations
from fiftyone_ntt.core.foreign_masks import MOST_PIXELS, MOST_SIDE
from fiftyone_ntt.errors import InputError, shown

ImageId = int | str
Crowds = Literal["ignore", "objects"]
"""What crowds are: COCO's, which count neither as found nor as missed, or objects like others."""


@dataclass(frozen=True)
class CocoFile:
    """A COCO annotation file.

    Attributes:
        path: where it was read from.
        images: by image id, in file order.
        categories: name by category id, in the order of the ids.
        annotations: in file order; none in a file that only lists images.
        category_records: the categories as the file has them, in file order.
        same_categories: by the id of a category that is another one's double, the other's id.
    """

    path: Path
    images: dict[ImageId, Record]
    categories: dict[int, str]
    annotations: list[Record]
    category_records: list[Record]
    same_categories: dict[int, int] = field(default_factory=dict)


def read_coco(
    path: str | Path, findings: Findings | None = None, *, crowds: Crowds = "ignore"
) -> CocoFile:
    """Read a COCO annotation file.

    Args:
        path: of the JSON file.
        findings: told of each record that cannot be used, which is then left out, and of what is
            read otherwise than it stands. When None, the first bad record is an error.
        crowds: `"objects"` takes annotations with `iscrowd` as objects like others: some tools mark
            every mask of theirs so.

    Raises:
        InputError: no such file, not JSON, no images.
        RecordError: an `InputError` too, unless `findings` skips it: two images of one id, an entry
            without its fields, an annotation of an unknown image or category.
    """
    path = Path(path)
    return coco_file(path, read_content(path), findings, crowds=crowds)


@dataclass(frozen=True)
class StreamedCoco:
    """A COCO annotation file as `CocoFile`, but for its annotations, which are read from the disk
    at each pass over them."""

    path: Path
    images: dict[ImageId, Record]
    categories: dict[int, str]
    annotations: Iterable[Record]
    category_records: list[Record]
    same_categories: dict[int, int] = field(default_factory=dict)


def streamed_content(path: Path) -> Record:
    """`read_content`, with the annotations as `JsonRows`, of which none are held."""
    content = object_with_rows(path, "annotations")
    return read_content(path) if content is None else content


def read_content(path: Path) -> Record:
    """What a COCO annotation file holds, unchecked.

    Raises:
        InputError: no such file, not JSON, or no object.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds a JSON {type(content).__name__}, not an object with 'images' and "
            "'categories'. Pass a COCO annotation file."
        )
    return content


def coco_file(
    path: Path, content: Record, findings: Findings | None = None, *, crowds: Crowds = "ignore"
) -> CocoFile:
    """The content of a COCO annotation file, checked as `read_coco` does.

    Args:
        path: where it is from, for messages.
        content: of the JSON file.
        findings: see `read_coco`.
        crowds: likewise.
    """
    _check_crowds(crowds)
    rows = content.get("annotations") or []
    if not isinstance(rows, list):
        raise InputError(f"{path}: 'annotations' is no list. Pass a COCO annotation file.")
    findings = findings or Findings()
    lists = _lists(path, content, rows, findings)
    annotations = list(checked_annotations(path, rows, *lists.tables, findings))
    if crowds == "objects":
        annotations = [as_object(row, findings) for row in annotations]
    own = OwnIds((row.get("id") for row in annotations), findings)
    annotations = list(own.given(annotations, findings))
    records = list(lists.records.values())
    return CocoFile(path, lists.images, lists.names, annotations, records, lists.same)


def opened_coco(
    path: Path, content: Record, findings: Findings, *, crowds: Crowds = "ignore"
) -> CocoFile | StreamedCoco:
    """`coco_file`, which holds no annotations of `streamed_content`; `findings` hears the same."""
    rows = content.get("annotations")
    if not isinstance(rows, JsonRows):
        return coco_file(path, content, findings, crowds=crowds)
    _check_crowds(crowds)
    lists = _lists(path, content, rows, findings)
    annotations = StreamedAnnotations(
        path, rows, *lists.tables, findings, crowds_too=crowds == "objects"
    )
    records = list(lists.records.values())
    return StreamedCoco(path, lists.images, lists.names, annotations, records, lists.same)


def _check_crowds(crowds: Crowds) -> None:
    if crowds not in get_args(Crowds):
        raise InputError(f"crowds is {crowds!r}. Pass 'ignore' or 'objects'.")


@dataclass(frozen=True)
class _Lists:
    """What a file holds besides annotations."""

    images: dict[ImageId, Record]
    names: dict[int, str]
    records: dict[int, Record]
    same: dict[int, int]

    @property
    def tables(self) -> tuple[IdTable, IdTable]:
        """Ids of images and categories."""
        return IdTable(self.images), IdTable(self.names, self.same)


def _lists(path: Path, content: Record, annotations: Iterable[Any], findings: Findings) -> _Lists:
    images = _images(path, content, findings)
    records = _categories(path, content, annotations, findings)
    records, same = _distinct_names(records, annotations, findings)
    return _Lists(images, {key: records[key]["name"] for key in sorted(records)}, records, same)


def require_some_objects(file: CocoFile) -> None:
    """Check that not all of a file's annotations are crowds: nothing can be scored against those.

    Raises:
        InputError: they are.
    """
    if file.annotations and all(row.get("iscrowd") for row in file.annotations):
        raise InputError(all_crowds_message(f"{file.path}", len(file.annotations)))


def all_crowds_message(where: str, count: int) -> str:
    """What to say about truth that is all crowds."""
    return (
        f"{where}: all {count} annotations are crowds (iscrowd = 1), which COCO counts neither as "
        "found nor as missed, so no score is defined. If they are objects, as brush masks of CVAT "
        "are, pass crowds='objects' (--crowds objects)."
    )


def _images(path: Path, content: Record, findings: Findings) -> dict[ImageId, Record]:
    found: dict[ImageId, Record] = {}
    for record in _section(path, content, "images"):
        try:
            image = _image(path, record, findings)
            known = found.setdefault(image["id"], image)
            if known is not image:
                _require_equal(path, "images", known, image)
                findings.note("images listed twice, taken once", f"image {image['id']}")
        except RecordError as error:
            findings.leave_out(error)
    return _of_one_type(found, findings)


def _image(path: Path, record: Any, findings: Findings) -> Record:
    key = as_id(record.get("id")) if isinstance(record, dict) else None
    name = image_name(record) if key is not None else None
    if key is None or name is None:
        raise _malformed(path, "images", "file_name", record)
    changed: Record = {} if record.get("file_name") == name else {"file_name": name}
    if not isinstance(record["id"], (int, str)):
        changed["id"] = key
    sides = _stated_sides(path, key, record, findings)
    image = {**record, **changed, **sides} if changed or sides else record
    if None in sides.values():
        image = {name: value for name, value in image.items() if sides.get(name, 0) is not None}
    if image.get("height", 1) * image.get("width", 1) >= MOST_PIXELS:
        raise _impossible_size(path, key, f"{image['width']} x {image['height']} px")
    return image


def _stated_sides(
    path: Path, key: ImageId, record: Record, findings: Findings
) -> dict[str, int | None]:
    """Height and width, as far as they had to be read otherwise; None for one not given."""
    sides: dict[str, int | None] = {}
    for side in ("height", "width"):
        given = record.get(side, 1)
        if type(given) is int and 0 < given <= MOST_SIDE:
            continue
        stated = as_whole_number(given)
        if given is None:
            findings.note("values that are no numbers, taken as not given", f"image {key}")
        elif stated is None or not 0 < stated <= MOST_SIDE:
            raise _impossible_size(path, key, f"the {side} {shown(given)}")
        elif isinstance(given, str):
            findings.note("numbers written as text, read", f"the {side} of image {key}")
        sides[side] = stated
    return sides


def _impossible_size(path: Path, key: ImageId, stated: str) -> RecordError:
    return RecordError(
        "image size", f"{path}: image {key} states {stated}, which no image has. Correct it."
    )


def image_name(record: Record) -> str | None:
    """The `file_name` of an image's entry or, of a file of LVIS, the end of its address.

    Example:
        >>> image_name({"id": 9, "coco_url": "http://images.cocodataset.org/val2017/9.jpg"})
        'val2017/9.jpg'
    """
    name = record.get("file_name")
    if name is None and is_text(record.get("coco_url")):
        name = "/".join(record["coco_url"].split("/")[-2:])
    return name if is_text(name) else None


def _of_one_type(images: dict[ImageId, Record], findings: Findings) -> dict[ImageId, Record]:
    """Images whose ids are numbers or texts, all of them, if that leaves them apart."""
    new = one_type(images, "image", findings)
    if not new or len(set(new.values())) < len(new):  # 1 beside "1": two images
        return images
    return {new[key]: {**record, "id": new[key]} for key, record in images.items()}


def _categories(
    path: Path, content: Record, annotations: Iterable[Any], findings: Findings
) -> dict[int, Record]:
    if not content.get("categories"):
        return _unnamed_categories(annotations, findings)
    found: dict[int, Record] = {}
    for given in _section(path, content, "categories"):
        try:
            key = as_whole_number(given.get("id")) if isinstance(given, dict) else None
            if key is None or not is_text(given.get("name")):
                raise _malformed(path, "categories", "name", given)
            record = given if type(given["id"]) is int else {**given, "id": key}
            known = found.setdefault(key, record)
            if known is not record:
                _require_equal(path, "categories", known, record)
                findings.note("categories of one name, taken as one", f"category {key}")
        except RecordError as error:
            findings.leave_out(error)
    return found


def _unnamed_categories(annotations: Iterable[Any], findings: Findings) -> dict[int, Record]:
    """Of a file that only numbers them."""
    keys = {
        as_whole_number(row.get("category_id")) for row in annotations if isinstance(row, dict)
    } - {None}
    for key in sorted(key for key in keys if key is not None):
        findings.note("categories without an entry, named by their ids", f"category {key}")
    return {key: {"id": key, "name": str(key)} for key in sorted(k for k in keys if k is not None)}


def _distinct_names(
    records: dict[int, Record], annotations: Iterable[Any], findings: Findings
) -> tuple[dict[int, Record], dict[int, int]]:
    """The categories without doubles of a name, and which category stands for each of those.

    Roboflow lists an unused one named like the class that follows; VIA lists some twice.
    """
    by_name: dict[str, list[int]] = defaultdict(list)
    for key, record in records.items():
        by_name[record["name"]].append(key)
    doubled = {name: keys for name, keys in by_name.items() if len(keys) > 1}
    all_used = _used_categories(annotations) if doubled else set()
    same: dict[int, int] = {}
    for name, keys in doubled.items():
        used = [key for key in keys if key in all_used]
        kept = used[0] if used else keys[0]
        same.update({key: kept for key in keys if key != kept})
        findings.note(
            "categories of one name, taken as one"
            if len(used) > 1
            else "unused categories named like others, left out",
            f"{name!r}, ids {', '.join(map(str, keys))}",
            len(keys) - 1,
        )
    return {key: record for key, record in records.items() if key not in same}, same


def _used_categories(annotations: Iterable[Any]) -> set[int | None]:
    return {as_whole_number(row.get("category_id")) for row in annotations if isinstance(row, dict)}


def _section(path: Path, content: Record, section: str) -> Iterable[Any]:
    records = content.get(section)
    if not isinstance(records, list) or not records:
        raise InputError(f"{path} lists no {section}. Pass a COCO annotation file that does.")
    return records


def _malformed(path: Path, section: str, required: str, record: Any) -> RecordError:
    return RecordError(
        "malformed entry",
        f"{path}: an entry of {section!r} lacks an 'id' or {required!r} of the right type: "
        f"{shown(record)}. Complete the entry.",
    )


def _require_equal(path: Path, section: str, known: Record, record: Record) -> None:
    """Two entries of one id must say the same."""
    told = "file_name" if section == "images" else "name"
    if known[told] != record[told]:
        raise RecordError(
            "duplicate id",
            f"{path}: id {record['id']} occurs twice in {section!r}, as {shown(known[told])} and "
            f"{shown(record[told])}. Ids must be unique.",
        )
