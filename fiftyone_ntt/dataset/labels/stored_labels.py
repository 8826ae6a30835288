"""Labels as the database holds them, read without FiftyOne's documents.

A FiftyOne label takes some 0.1 ms to load, many times what scoring it does. Nothing here imports
FiftyOne, so that other processes can read labels without loading it and connecting.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Shaped

_PLAIN_MASK = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '\|(b1|u1)', 'fortran_order': (False|True), "
    rb"'shape': \((\d+), (\d+)\), \} *\n",
    re.DOTALL,
)
"""How NumPy's files begin for the masks that FiftyOne writes."""

LISTS = ("detections", "polylines")
"""Names of the lists in fields of several labels."""


class StoredLabel:
    """One detection of a sample's document, with the names of `fiftyone.Detection`.

    Args:
        document: of the label, with at least the fields of `label_paths`.
    """

    __slots__ = ("_document",)

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    @property
    def id(self) -> str:
        """The label's id, in hexadecimal digits."""
        return str(self._document["_id"])

    @property
    def label(self) -> Any:
        """The class; None where it has none, and whatever others wrote there."""
        return self._document.get("label")

    @property
    def confidence(self) -> float | None:
        """In 0..1; None where it has none."""
        return self._document.get("confidence")

    @property
    def bounding_box(self) -> Sequence[float] | None:
        """x, y, width, height, relative to the image; None where it has none."""
        return self._document.get("bounding_box")

    @property
    def mask_path(self) -> str | None:
        """The mask's file; None where the mask is in the database, or absent."""
        return self._document.get("mask_path")

    @property
    def has_mask(self) -> bool:
        """Whether it has a mask, in the database or in a file."""
        return self._document.get("mask") is not None or self.mask_path is not None

    def get_mask(self) -> Shaped[np.ndarray, "h w *channels"] | None:
        """The mask; some files have channels."""
        packed = self._document.get("mask")
        if packed is not None:
            return unpack_array(packed)
        if self.mask_path is None:
            return None
        # As FiftyOne reads it; this module of its own takes no database.
        import cv2
        import eta.core.image as etai

        image: np.ndarray = etai.read(self.mask_path, flag=cv2.IMREAD_UNCHANGED)
        return image

    def get_attribute_value(self, name: str, default: Any) -> Any:
        """An attribute, of the label's own or in its dict of old-style attributes."""
        if name in self._document:
            return self._document[name]
        old_style = (self._document.get("attributes") or {}).get(name)
        return default if old_style is None else old_style.get("value")


class StoredPolyline(StoredLabel):
    """One polyline of a sample's document, with the names of `fiftyone.Polyline`."""

    __slots__ = ()

    @property
    def points(self) -> Any:
        """Of each shape its points, relative to the image."""
        return self._document.get("points")

    @property
    def closed(self) -> bool:
        """Whether the last point of each shape is joined to the first."""
        return bool(self._document.get("closed"))

    @property
    def filled(self) -> bool:
        """Whether the shapes are drawn filled."""
        return bool(self._document.get("filled"))

    @property
    def has_mask(self) -> bool:
        """Its inside."""
        return True


def is_class(value: Any) -> bool:
    """Whether a label's `label` names a class: other tools leave it out, or write numbers."""
    return isinstance(value, str) and value != ""


def label_paths(field: str, attributes: Iterable[str] = ()) -> list[str]:
    """What of a field of Detections or Polylines to ask the database for, so that `stored_labels`
    can be made."""
    common = ("_id", "label", "confidence", "attributes", *attributes)
    own = (("bounding_box", "mask", "mask_path"), ("points", "closed", "filled"))
    return [
        f"{field}.{part}.{name}"
        for part, names in zip(LISTS, own, strict=True)
        for name in (*common, *names)
    ]


def stored_labels(document: Mapping[str, Any], field: str) -> list[StoredLabel]:
    """The labels of a sample's document, of a field that may lie inside another."""
    part, labels = label_list(value_at(document, field))
    kind = StoredPolyline if part == "polylines" else StoredLabel
    return [kind(label) for label in labels]


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """What a document holds at a path such as `predictions` or `crops.predictions`."""
    found: Any = document
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def label_list(value: Any) -> tuple[str, list[dict[str, Any]]]:
    """Where a field's value lists its labels, and these; "" for a field of one label."""
    if not isinstance(value, Mapping):
        return LISTS[0], []
    if "_id" in value:
        return "", [dict(value)]
    part = next((part for part in LISTS if part in value), LISTS[0])
    return part, list(value.get(part) or [])


def label_id_paths(field: str) -> list[str]:
    """Where the ids of a field's labels may be, whichever kind they are of."""
    return [f"{field}.{part}._id" for part in LISTS] + [f"{field}._id"]


def unpack_array(packed: bytes) -> np.ndarray:
    """An array as FiftyOne packs it: a compressed NumPy file.

    Example:
        >>> buffer = io.BytesIO()
        >>> np.save(buffer, np.array([[True, False]]))
        >>> unpack_array(zlib.compress(buffer.getvalue()))
        array([[ True, False]])
    """
    content = zlib.decompress(packed)
    plain = _PLAIN_MASK.match(content)
    if plain is None:
        array: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
        return array
    kind = np.bool_ if plain[1] == b"b1" else np.uint8
    order: Literal["F", "C"] = "F" if plain[2] == b"True" else "C"
    flat: np.ndarray = np.frombuffer(content, kind, offset=plain.end())
    return flat.reshape(int(plain[3]), int(plain[4]), order=order)
