"""An XML file of PASCAL VOC: an image, and the boxes of its objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from fiftyone_ntt.coco.findings import Record
from fiftyone_ntt.coco.json_files import as_flag, as_number, as_whole_number
from fiftyone_ntt.formats.xml_elements import xml_elements

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
"""The published ones; the label images number them from 1 in this order."""
ROOT = "annotation"
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_FLAGS = ("truncated", "difficult", "occluded")
_NO_ATTRIBUTES = ("name", "bndbox", "part", "polygon", "attributes")
FIRST_PIXEL = 1
"""Number of an image's first pixel, as published."""

Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class VocObject:
    """An object of an XML file.

    Attributes:
        name: of its class.
        corners: left, top, right, bottom as the file has them: of its first and its last pixel.
        attributes: what else the file says of it, such as `difficult` and `pose`.
        unread: outlines and parts of it, such as heads, that are not read.
    """

    name: str
    corners: Corners
    attributes: Record
    unread: tuple[str, ...] = ()

    def box(self, first_pixel: int = FIRST_PIXEL) -> list[float]:
        """x, y, width, height in pixels, from the left edge of the first to the right edge of the
        last pixel.

        Args:
            first_pixel: number of an image's first; in files that begin with 0, the right and
                bottom are edges already.
        """
        left, top, right, bottom = self.corners
        return [
            left - first_pixel,
            top - first_pixel,
            right - left + first_pixel,
            bottom - top + first_pixel,
        ]


@dataclass(frozen=True)
class VocImage:
    """What an XML file says.

    Attributes:
        file_name: of the image; empty where it says none.
        width: of the image in pixels; None where it says none.
        height: likewise.
        objects: in order.
        zero_based: whether marks of the file are those of a tool that counts pixels from 0 and
            writes the edges of boxes: datumaro, CVAT, FiftyOne, Label Studio and X-AnyLabeling do.
    """

    file_name: str
    width: int | None
    height: int | None
    objects: tuple[VocObject, ...]
    zero_based: bool = False


def read_voc_image(path: Path) -> VocImage:
    """What an XML file says of an image.

    Raises:
        InputError: it cannot be read, or is no XML of VOC's.
        ValueError: it is not as published; the message is the reason.

    Example:
        >>> _ = Path("few.xml").write_text("<annotation><filename>a.jpg</filename></annotation>")
        >>> read_voc_image(Path("few.xml")).file_name
        'a.jpg'
    """
    root = ElementTree.Element(ROOT)
    root.extend(list(xml_elements(path, ROOT)))
    width, height = (_side(root, side) for side in ("width", "height"))
    objects = tuple(_read_object(node) for node in root.findall("object"))
    name = (root.findtext("filename") or "").strip()
    return VocImage(name, width, height, objects, _is_zero_based(root))


def _is_zero_based(root: ElementTree.Element) -> bool:
    """By what the tools write whatever they export: see `VocImage.zero_based`."""
    corners = [_text(node, f"bndbox/{side}") for node in root.findall("object") for side in _SIDES]
    if [root.findtext(f"source/{name}") for name in ("annotation", "image")] == ["Unknown"] * 2:
        # Datumaro's, and so CVAT's; told to count from 1, it writes whole numbers.
        return bool(corners) and all("." in text for text in corners)
    database = root.findtext("source/database")
    if (database or "").endswith("/X-AnyLabeling") or root.findtext("owner/name") == "Label Studio":
        return bool(corners)
    return bool(corners) and [database, root.findtext("segmented")] == ["", ""]  # FiftyOne's


def _side(root: ElementTree.Element, side: str) -> int | None:
    """The image's width or height; some tools write 0 for one that they do not know."""
    text = (root.findtext(f"size/{side}") or "0").strip()
    number = as_whole_number(text)
    if number is None:
        raise ValueError(f"its {side} is {text!r}, no whole number")
    return number if number > 0 else None


def _read_object(node: ElementTree.Element) -> VocObject:
    left, top, right, bottom = (_corner(node, side) for side in _SIDES)
    attributes: Record = {}
    for child in node:
        text = (child.text or "").strip()
        if child.tag not in _NO_ATTRIBUTES and not len(child) and text:
            attributes[child.tag] = _value(child.tag, text)
    for pair in node.findall("attributes/attribute"):  # Datumaro's, and so CVAT's
        if name := (pair.findtext("name") or "").strip():
            attributes[name] = _value(name, (pair.findtext("value") or "").strip())
    unread = tuple(tag for tag in ("part", "polygon") if node.find(tag) is not None)
    return VocObject(_text(node, "name").strip(), (left, top, right, bottom), attributes, unread)


def _value(name: str, text: str) -> bool | float | int | str:
    flag = as_flag(text) if name in _FLAGS or text.lower() in ("true", "false") else None
    number = as_number(text) if flag is None else None
    return flag if flag is not None else text if number is None else number


def _corner(node: ElementTree.Element, side: str) -> float:
    text = _text(node, f"bndbox/{side}")
    number = as_number(text.strip())
    if number is None:
        raise ValueError(f"its {side} is {text!r}, no number")
    return float(number)


def _text(node: ElementTree.Element, path: str) -> str:
    found = node.findtext(path)
    if not found:
        raise ValueError(f"an object has no {path}")
    return found
