"""Marking labels as references by hand."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from tests.dataset.scenes import add_scenes


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 3)
    return dataset


def test_all_labels_of_a_view(scenes):
    counts = ntt.tag_references(scenes[:2], "ground_truth")
    assert counts == {"blue": 2, "green": 2, "red": 2}
    assert scenes.count_label_tags() == {"reference": 6}
    assert scenes.match_tags("reference").values("id") == scenes[:2].values("id")


def test_chosen_labels(scenes):
    label = scenes.last().ground_truth.detections[1]
    assert ntt.tag_references(scenes, "ground_truth", label_ids=[label.id], tag="r") == {
        label.label: 1
    }
    assert scenes.select_labels(tags="r").values("ground_truth.detections.id", unwind=True) == [
        label.id
    ]
    assert scenes.match_tags("r").values("id") == [scenes.last().id]


def test_labels_that_had_the_tag_before_are_counted(scenes):
    ntt.tag_references(scenes[:1], "ground_truth")
    counts = ntt.tag_references(scenes[:2], "ground_truth")
    assert (counts, counts.kept) == ({"blue": 2, "green": 2, "red": 2}, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tag": " "}, "tag is empty"),
        ({"label_ids": ["0" * 24]}, "none of the 1 label ids"),
        ({"label_field": "gone"}, "no field 'gone'"),
    ],
)
def test_errors(scenes, options, message):
    with pytest.raises(InputError, match=message):
        ntt.tag_references(scenes, **{"label_field": "ground_truth", **options})
