"""Whose a label is."""

from __future__ import annotations

import zlib

import fiftyone as fo
import pytest

from fiftyone_ntt.dataset.labels.digests import DIGEST, document_digest
from fiftyone_ntt.dataset.labels.ownership import WRITTEN_TAGS, is_run_key, owner_of

RUN = "ntt_predictions_0123abcd"


def prediction(**changes) -> dict:
    label = fo.Detection(label="boat", bounding_box=[0.1, 0.2, 0.3, 0.4]).to_mongo().to_dict()
    return {**label, "run": RUN, DIGEST: document_digest(label), **changes}


@pytest.mark.parametrize(
    ("changes", "owner"),
    [
        ({}, "untouched"),
        ({"run": None}, "by hand"),
        ({"run": "evening run"}, "by hand"),
        ({"run": 7}, "by hand"),
        ({"run": None, "tags": ["checked"]}, "by hand"),
        ({"tags": ["checked"]}, "tagged"),
        ({"tags": ["reference"], WRITTEN_TAGS: ["reference"]}, "untouched"),
        ({"tags": ["reference", "good"], WRITTEN_TAGS: ["reference"]}, "tagged"),
        ({"label": "bird"}, "edited"),
        ({"bounding_box": [0.1, 0.2, 0.3, 0.5]}, "edited"),
        ({"bounding_box": None}, "edited"),
        ({"bounding_box": [0.1, 0.2]}, "edited"),
        ({"bounding_box": ["a", 0.2, 0.3, 0.4]}, "edited"),
        ({"mask": b"no array"}, "edited"),
        ({"mask": zlib.compress(b"no array")}, "edited"),
        ({"mask": zlib.compress(b"")}, "edited"),
        ({DIGEST: None}, "unknown"),
        ({DIGEST: None, "tags": ["checked"]}, "tagged"),
    ],
)
def test_owners(changes: dict, owner: str) -> None:
    assert owner_of(prediction(**changes)) == owner


def test_where_nobody_wrote_the_sample_its_content_is_not_looked_at() -> None:
    assert owner_of(prediction(label="bird"), moved=False) == "untouched"


@pytest.mark.parametrize(
    ("value", "known"),
    [(RUN, True), ("ntt_a_b_ffffffff", True), ("ntt_predictions_", False), (None, False)],
)
def test_run_keys(value: object, known: bool) -> None:
    assert is_run_key(value) is known


def test_a_prediction_without_a_box_is_an_edited_one() -> None:
    label = prediction()
    del label["bounding_box"]
    assert owner_of(label) == "edited"
