"""Counts at every threshold, against counting by hand."""

from __future__ import annotations

import fiftyone as fo
import numpy as np
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError


def add(dataset: fo.Dataset, *images: list[tuple[str | None, float | None]]) -> None:
    dataset.add_samples(
        [
            fo.Sample(
                f"/images/{index}.jpg",
                predictions=fo.Detections(
                    detections=[
                        fo.Detection(label=name, confidence=value, bounding_box=[0, 0, 1, 1])
                        for name, value in labels
                    ]
                ),
            )
            for index, labels in enumerate(images)
        ],
        progress=False,
    )


def test_counts_are_those_of_comparing_each(dataset: fo.Dataset) -> None:
    rng = np.random.default_rng(0)
    rows = [("a b", value / 100) for value in range(101)]
    rows += [("c", float(value)) for value in rng.random(200)]
    add(dataset, rows[:150], rows[150:])
    found = ntt.confidence_counts(dataset, "predictions")
    assert list(found) == ["c", "a b"]
    for name, counts in found.items():
        values = [value for label, value in rows if label == name]
        expected = [sum(value >= step / 100 for value in values) for step in range(101)]
        assert counts.tolist() == expected


def test_only_the_view_counts(dataset: fo.Dataset) -> None:
    add(dataset, [("a", 0.5)], [("a", 0.5), ("b", 0.7)])
    found = ntt.confidence_counts(dataset[1:], "predictions")
    assert {name: int(counts[50]) for name, counts in found.items()} == {"a": 1, "b": 1}


def test_labels_without_class_or_confidence_do_not_count(dataset: fo.Dataset) -> None:
    add(dataset, [("a", None), (None, 0.5), ("a", 0.2)], [])
    assert {k: int(v[0]) for k, v in ntt.confidence_counts(dataset, "predictions").items()} == {
        "a": 1
    }


def test_a_field_that_cannot_be_counted(dataset: fo.Dataset) -> None:
    with pytest.raises(InputError, match="no field 'predictions'"):
        ntt.confidence_counts(dataset, "predictions")
    dataset.add_sample_field(
        "predictions", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections
    )
    assert ntt.confidence_counts(dataset, "predictions") == {}
