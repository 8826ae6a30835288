"""A digest stands for class, box and mask, and for nothing else."""

from __future__ import annotations

import io
import zlib

import fiftyone as fo
import numpy as np
import pytest

from fiftyone_ntt.dataset.labels.digests import content_digest, document_digest

BOX = [0.25, 0.5, 0.125, 0.25]
MASK = np.eye(4, 6, dtype=bool)


def document(**changes) -> dict:
    label = fo.Detection(label="boat", bounding_box=BOX, mask=MASK, confidence=0.5)
    return {**label.to_mongo().to_dict(), **changes}


def packed(mask: np.ndarray, level: int) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, mask)
    return zlib.compress(buffer.getvalue(), level)


def test_a_document_has_the_digest_of_its_parts() -> None:
    assert document_digest(document()) == content_digest("boat", BOX, MASK)
    assert len(content_digest("boat", BOX, MASK)) == 16


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": ["checked"]},
        {"confidence": 0.9},
        {"run": "other"},
        {"mask": packed(MASK, 1)},
        {"mask": packed(MASK.astype(np.uint8) * 255, 9)},
        {"mask": packed(np.asfortranarray(MASK), 6)},
    ],
)
def test_what_says_nothing_of_class_box_and_mask_leaves_it(changes: dict) -> None:
    assert document_digest(document(**changes)) == document_digest(document())


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "bird"},
        {"label": None},
        {"bounding_box": [0.25, 0.5, 0.125, np.nextafter(0.25, 1)]},
        {"mask": packed(~MASK, 6)},
        {"mask": packed(MASK.T, 6)},
        {"mask": None},
        {"mask": None, "mask_path": "/masks/1.png"},
    ],
)
def test_any_other_change_gives_another(changes: dict) -> None:
    assert document_digest(document(**changes)) != document_digest(document())


def test_masks_in_two_files_differ() -> None:
    one, other = (document(mask=None, mask_path=f"/masks/{i}.png") for i in range(2))
    assert document_digest(one) != document_digest(other)
