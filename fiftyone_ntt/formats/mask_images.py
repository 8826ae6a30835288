"""Masks as pictures beside the images, or in a folder of their own: one object per value."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fiftyone_ntt.coco.findings import Findings, RecordError
from fiftyone_ntt.core.image_names import IMAGE_ENDS
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.glance import names_in
from fiftyone_ntt.formats.image_labels import ImageLabels, category_records, content_parts
from fiftyone_ntt.formats.image_lookup import ImagesByStem
from fiftyone_ntt.formats.label_files import UNNAMED, Content, LabelFiles, LabelFormat, ReadOptions
from fiftyone_ntt.formats.label_pixels import LabelledPixels, pixels_by_value, read_values

MASK_NAME = re.compile(
    r"(?P<image>.+?)[-_. ](?:cp_masks?|masks?|labels?|instances?|instance_?ids?|seg|gt)$", re.I
)
"""Name of a mask without its suffix: the image's, and a word for masks. Cellpose's is
`x_cp_masks`."""

_IMAGE_FOLDERS = ("images", "image", "imgs", "img")
_MASK_FOLDERS = ("masks", "mask", "labels", "label", "instances", "gt", "groundtruth")


@dataclass(frozen=True)
class MaskedImage:
    """An image and its masks.

    Attributes:
        image: its file.
        masks: files of its masks, by class.
    """

    image: Path
    masks: tuple[tuple[str, Path], ...]


def recognise(path: Path) -> str | None:
    """What tells a folder of images and masks."""
    if not path.is_dir():
        return None
    for root in _roots(path):
        if folders := _two_folders(root):
            return f"it has the folders {folders[0].name} and {folders[1].name}, both of pictures"
    pairs = _names_beside(names_in(path))
    if pairs:
        image, mask = next(iter(pairs.items()))
        return f"its pictures have masks beside them, as {mask[0]} is of {image}"
    return None


def _roots(path: Path) -> list[Path]:
    """The folder itself or, where it is of several parts such as `train` and `test`, those."""
    if _two_folders(path):
        return [path]
    return [path / name for name in names_in(path) if _two_folders(path / name)]


def _two_folders(root: Path) -> tuple[Path, Path] | None:
    """The folders of images and of masks."""
    names = {name.lower(): name for name in names_in(root) if (root / name).is_dir()}
    images = [root / names[name] for name in _IMAGE_FOLDERS if name in names]
    masks = [root / names[name] for name in _MASK_FOLDERS if name in names]
    held = [folder for folder in masks if _holds_pictures(folder)]
    return (images[0], held[0]) if images and held and _holds_pictures(images[0]) else None


def _holds_pictures(folder: Path) -> bool:
    """Whether there are pictures in a folder, or in folders of classes in it."""
    names = names_in(folder)
    if any(_is_picture(name) for name in names):
        return True
    below = [folder / name for name in names if (folder / name).is_dir()]
    return any(_is_picture(name) for part in below for name in names_in(part))


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_ENDS and not name.startswith(".")


def _names_beside(names: list[str]) -> dict[str, list[str]]:
    """Of the pictures of a folder, the masks of those that have any."""
    stems: dict[str, list[str]] = {}
    pictures = sorted(name for name in names if _is_picture(name))
    for name in pictures:
        stems.setdefault(os.path.splitext(name)[0], []).append(name)
    found: dict[str, list[str]] = {}
    for name in pictures:
        told = MASK_NAME.match(os.path.splitext(name)[0])
        for image in stems.get(told["image"], ()) if told else ():
            found.setdefault(image, []).append(name)
    return found


def read(path: Path, options: ReadOptions) -> LabelFiles:
    """A folder of images and masks, see `LabelFormat.reader`.

    Masks in folders of their own below the masks' folder are of the class that is the folder's
    name, others of `class_name` or, where it is not given, "object".

    Raises:
        InputError: no image has a mask.
    """
    found = masked_images(path, options.images, options.class_name or UNNAMED)
    if not any(item.masks for item in found):
        raise InputError(
            f"{path}: no picture has a mask. Name masks like their images, in folders `images` and "
            "`masks`, or beside them as x_mask.png; or pass the folder of the images as images= "
            "(--images)."
        )
    classes = tuple(sorted({name for item in found for name, _ in item.masks}))
    if options.class_name is not None and options.class_name not in classes:
        raise InputError(
            f"{path}: class_name is {options.class_name!r}, but all masks lie in folders of "
            f"classes: {', '.join(classes)}. Leave class_name= (--class-name) out."
        )
    folder = options.images or path
    return LabelFiles(
        "masks",
        recognise(path) or f"its masks are named like the images in {folder}",
        folder,
        classes,
        lambda findings: _parts(found, classes, folder, findings),
    )


def masked_images(path: Path, images: Path | None, unnamed: str = UNNAMED) -> list[MaskedImage]:
    """The images of a folder and their masks, by name.

    Args:
        path: of the folder.
        images: of the folder of the images, where the masks are in `path` alone.
        unnamed: class of masks whose folder names none.
    """
    if images is not None:
        masks = next((both[1] for both in [_two_folders(path)] if both), path)
        return _in_two_folders(images, masks, unnamed)
    roots = [folders for root in _roots(path) if (folders := _two_folders(root))]
    if roots:
        return [item for both in roots for item in _in_two_folders(*both, unnamed)]
    names = sorted(os.listdir(path))
    beside = _names_beside(names)
    masks_of = {name for some in beside.values() for name in some}
    return [
        MaskedImage(path / name, tuple((unnamed, path / mask) for mask in beside.get(name, ())))
        for name in names
        if _is_picture(name) and name not in masks_of
    ]


def _in_two_folders(images: Path, masks: Path, unnamed: str) -> list[MaskedImage]:
    """Each image with the masks of its name, of the masks' folder and of those of classes."""
    lookups = [(unnamed, masks, ImagesByStem(masks))]
    lookups += [
        (name, masks / name, ImagesByStem(masks / name))
        for name in sorted(os.listdir(masks))
        if (masks / name).is_dir()
    ]
    by_stem: dict[str, list[tuple[str, Path]]] = {}
    for label, folder, lookup in lookups:
        for stem in lookup.stems():
            told = MASK_NAME.match(stem)
            for key in {stem, told["image"]} if told else {stem}:
                files = ((label, folder / name) for name in lookup.find(stem))
                by_stem.setdefault(key, []).extend(files)
    return [
        MaskedImage(images / name, tuple(by_stem.get(os.path.splitext(name)[0], ())))
        for name in sorted(os.listdir(images))
        if _is_picture(name)
    ]


def _parts(
    found: list[MaskedImage], classes: tuple[str, ...], folder: Path, findings: Findings
) -> Iterator[Content]:
    def read_one(item: MaskedImage, findings: Findings) -> ImageLabels:
        name = os.path.relpath(item.image, folder)
        rows = [
            {
                "id": f"{os.path.relpath(path, folder)}, value {pixels.value}",
                "image_id": name,
                "category_id": classes.index(label) + 1,
                "attributes": {"source_id": pixels.value},
                **pixels.shape(),
            }
            for label, path in item.masks
            for pixels in _readable(path, findings)
        ]
        return {"id": name, "file_name": name}, rows

    return content_parts(found, category_records(classes), read_one, findings)


def _readable(path: Path, findings: Findings) -> list[LabelledPixels]:
    """The objects of a mask; none of one that cannot be used."""
    try:
        return list(pixels_by_value(read_values(path)))
    except RecordError as error:
        findings.leave_out(error)
        return []


MASKS = LabelFormat(
    "masks",
    "masks as PNG or TIFF (one object per value)",
    "Cellpose, StarDist, ImageJ, scikit-image",
    recognise,
    read,
    frozenset({"class_name"}),
)
