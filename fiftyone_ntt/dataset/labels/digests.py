"""What a prediction was when it was written: a digest of its class, box and mask.

A label whose digest is no longer that of its content was edited by somebody. Tags are not part of
it: they are a statement about a prediction, not a change of it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from hashlib import sha1
from typing import Any

import numpy as np

from fiftyone_ntt.dataset.labels.stored_labels import unpack_array

DIGEST = "digest"
"""Attribute of a prediction: `content_digest` as of its writing."""

_DIGITS = 16
_BOX = struct.Struct("<4d")


def content_digest(label: str | None, box: Sequence[float], mask: Any = None) -> str:
    """Sixteen hexadecimal digits that stand for a label's class, box and mask.

    Args:
        label: the class.
        box: x, y, width and height as stored, 0..1; compared to the last bit.
        mask: of any type, `[h, w]`, true where it is not 0; or the path of its file; None for a
            box alone.

    Example:
        >>> content_digest("boat", [0.25, 0.5, 0.5, 0.25], np.eye(2))
        'dbc26d3ef725e91e'
    """
    shape, content = None, b""
    if isinstance(mask, str):
        content = mask.encode()
    elif mask is not None:
        pixels = np.asarray(mask)
        pixels = pixels if pixels.dtype == bool else pixels != 0
        shape, content = pixels.shape, pixels.tobytes()
    head = f"{label!r} {shape}".encode() + _BOX.pack(*box)
    # The fastest there is in every Python; nobody gains by forging it.
    return sha1(head + content, usedforsecurity=False).hexdigest()[:_DIGITS]


def document_digest(document: Mapping[str, Any]) -> str:
    """`content_digest` of a detection as it lies in the database."""
    packed = document.get("mask")
    mask = document.get("mask_path") if packed is None else unpack_array(packed)
    return content_digest(document.get("label"), document["bounding_box"], mask)


def digest_if_any(document: Mapping[str, Any]) -> str | None:
    """`document_digest` of whatever somebody wrote; None where it has no box, or its mask cannot
    be read.

    Example:
        >>> digest_if_any({"label": "boat", "mask": b"no array"}) is None
        True
    """
    try:
        return document_digest(document)
    except (KeyError, TypeError, ValueError, EOFError, struct.error, zlib.error):
        return None


def is_as_written(document: Mapping[str, Any], digest: object) -> bool:
    """Whether a detection as it lies in the database still has the digest of its writing.

    One that has none any more has not.

    Example:
        >>> is_as_written({"label": "boat", "mask": b"no array"}, "dbc26d3ef725e91e")
        False
    """
    found = digest_if_any(document)
    return found is not None and found == digest
