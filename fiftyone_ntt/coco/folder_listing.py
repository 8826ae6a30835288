"""The images below a folder as the list that a COCO file is, kept beside the results of a run.

A label file gives images their ids. Where there is none, this list does, and keeps them: images
that come later are put after those that are there, so that results keep their meaning.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fiftyone_ntt.coco.findings import Findings, Record
from fiftyone_ntt.coco.image_files import AS_SHOWN, UPRIGHT
from fiftyone_ntt.coco.reading import CocoFile, ImageId, read_coco
from fiftyone_ntt.core.image_names import IMAGE_ENDS
from fiftyone_ntt.core.images import image_orientation, image_size
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.atomic import require_writable, write_atomically
from fiftyone_ntt.store.own_files import COCO_FILE, is_drawn_here

_MOST_SHOWN = 5


def listing_path(output: str | Path) -> Path:
    """Where the list lies that belongs to a run's results.

    Example:
        >>> listing_path("out/results.json").as_posix()
        'out/results.images.json'
    """
    return Path(output).with_suffix(".images.json")


def list_folder(
    images: str | Path, path: Path, classes: Sequence[str], findings: Findings | None = None
) -> CocoFile:
    """Every image below a folder, in the order of their paths; nothing is written yet.

    Taken for an image is a file with an image's suffix (`IMAGE_ENDS`), readable or not. Left aside
    are names that begin with a dot, folders that are links, and pictures that this package drew.

    Args:
        images: the folder.
        path: of the list. Images that an earlier list there has keep their ids, and new ones get
            ids above all of those; otherwise they count from 1.
        classes: categories count them from 1.
        findings: told how many files are no images.

    Returns:
        What a COCO file would hold that lists them, without annotations.

    Raises:
        InputError: there is no such folder, no image in it, or the earlier list is damaged.
        StoreError: `path` is another's file, or cannot be written.
    """
    folder = Path(images)
    require_writable(path, COCO_FILE)
    names, others = _image_names(folder)
    if not names:
        raise _no_images(folder, others)
    if others and findings is not None:
        findings.note("files that are no images, left aside", _shown(others), sum(others.values()))
    ids = _ids(names, path)
    records: dict[ImageId, Record] = {
        ids[name]: _record(ids[name], name, folder) for name in sorted(names, key=ids.__getitem__)
    }
    categories = [{"id": key, "name": name} for key, name in enumerate(classes, start=1)]
    by_id = dict(enumerate(classes, start=1))
    return CocoFile(path, records, by_id, [], categories)


def save_listing(file: CocoFile) -> None:
    """Write what `list_folder` made as a COCO file, over an earlier list.

    Raises:
        StoreError: it cannot be written, or another's file is there.
    """
    content = {
        "images": list(file.images.values()),
        "categories": file.category_records,
        "annotations": file.annotations,
    }
    write_atomically(file.path, COCO_FILE.content(content), COCO_FILE)


def _image_names(folder: Path) -> tuple[list[str], Counter[str]]:
    """Paths of the images, relative to the folder and in order, and the suffixes of other files."""
    if not folder.is_dir():
        reason = "is a file" if folder.exists() else "is not there"
        raise InputError(f"{folder} {reason}. Pass the folder of the images as --images.")
    names: list[str] = []
    others: Counter[str] = Counter()
    for parent, below, files in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in files:
            path = Path(parent) / name
            end = path.suffix.lower()
            # What was drawn may lie below the folder of the images.
            if name.startswith(".") or (end == ".png" and is_drawn_here(path)):
                continue
            if end in IMAGE_ENDS:
                names.append(path.relative_to(folder).as_posix())
            else:
                others[end or "no suffix"] += 1
    return sorted(names), others


def _no_images(folder: Path, others: Counter[str]) -> InputError:
    found = f"its files are {_shown(others)}" if others else "it is empty"
    ends = ", ".join(sorted(IMAGE_ENDS))
    return InputError(
        f"there is no image below {folder}: {found}. Pass a folder with images ({ends}), or "
        "convert them to PNG or JPEG; a label file can list others (--targets)."
    )


def _shown(others: Counter[str]) -> str:
    most = others.most_common(_MOST_SHOWN)
    more = ", ..." if len(others) > len(most) else ""
    return ", ".join(f"{count} {end}" for end, count in most) + more


def _ids(names: Sequence[str], path: Path) -> dict[str, int]:
    """Ids by name: those of the list at `path`, if it has any of these images."""
    earlier = read_coco(path).images if path.exists() else {}
    known = {record["file_name"]: key for key, record in earlier.items() if isinstance(key, int)}
    kept = {name: known[name] for name in names if name in known}
    first = max(known.values()) + 1 if kept else 1
    new = [name for name in names if name not in kept]
    return kept | {name: first + index for index, name in enumerate(new)}


def _record(key: int, name: str, folder: Path) -> Record:
    """An image's entry; without a size where it cannot be read, as it may be later."""
    try:
        height, width = image_size(folder / name)
        turned = image_orientation(folder / name) != UPRIGHT
    except InputError:
        return {"id": key, "file_name": name}
    shown = {AS_SHOWN: True} if turned else {}
    return {"id": key, "file_name": name, "width": width, "height": height, **shown}
