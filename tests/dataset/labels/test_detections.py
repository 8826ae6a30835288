"""Matches as documents: what FiftyOne reads back of them."""

from __future__ import annotations

import io
import zlib

import fiftyone as fo
import fiftyone.core.labels as fol
import numpy as np
import pytest

from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.matching import Match
from fiftyone_ntt.core.rle import encode_masks, rle_boxes
from fiftyone_ntt.dataset.labels.detections import match_detections, match_document
from tests.core.toy_models import reference_rows, toy_bank

SIZE = (37, 53)


@pytest.fixture
def bank() -> MemoryBank:
    return toy_bank(("a", "b"), reference_rows([[1, 0], [0, 1]], [0, 1]))


def match_of(masks: list[np.ndarray]) -> Match:
    count = len(masks)
    encodings = encode_masks(np.stack(masks)) if masks else []
    return Match(
        labels=np.zeros(count, np.int64),
        scores=np.linspace(0.9, 0.1, count).astype(np.float32),
        masks=encodings,
        boxes=rle_boxes(encodings),
        runners_up=np.array([1, -1] * count, np.int64)[:count],
        margins=np.full(count, 0.25, np.float32),
        nearest=np.zeros(count, np.int64),
        proposals=np.arange(count),
    )


def some_masks() -> list[np.ndarray]:
    random = np.random.default_rng(3)
    blob = np.zeros(SIZE, bool)
    blob[5:20, 7:31] = random.random((15, 24)) > 0.5
    pixel = np.zeros(SIZE, bool)
    pixel[-1, -1] = True
    return [blob, pixel, np.ones(SIZE, bool)]


def test_the_same_as_fiftyones_own_labels(bank: MemoryBank, dataset: fo.Dataset) -> None:
    masks = some_masks()
    match = match_of(masks)
    found = match_detections(match, bank, SIZE).detections
    assert len(found) == 3
    for row, (detection, mask) in enumerate(zip(found, masks, strict=True)):
        own = fol.Detection.from_mask(mask)
        np.testing.assert_allclose(detection.bounding_box, own.bounding_box, rtol=1e-15)
        np.testing.assert_array_equal(detection.mask, own.mask)
        assert detection.mask.dtype == bool
        assert detection.label == bank.classes[0]
        assert detection.confidence == float(match.scores[row])
        assert detection.runner_up == (bank.classes[1] if row != 1 else None)
        assert (detection.margin, detection.nearest_reference) == (0.25, bank.references.ids[0])
        assert (detection.tags, detection.attributes) == ([], {})
    assert len({detection.id for detection in found}) == 3


def test_the_document_is_the_one_fiftyone_stores(bank: MemoryBank) -> None:
    found = match_document(match_of(some_masks()), bank, SIZE, "run")
    again = fol.Detections._from_son(found).to_mongo().to_dict()
    assert again["_cls"] == found["_cls"]
    for ours, theirs in zip(found["detections"], again["detections"], strict=True):
        assert set(ours) == set(theirs)
        for name in ours.keys() - {"mask"}:
            assert ours[name] == theirs[name]
        one, other = (zlib.decompress(label["mask"]) for label in (ours, theirs))
        np.testing.assert_array_equal(np.load(io.BytesIO(one)), np.load(io.BytesIO(other)))


def test_no_instance(bank: MemoryBank) -> None:
    assert match_detections(match_of([]), bank, SIZE).detections == []
