"""Labels found again by their ids."""

from __future__ import annotations

import fiftyone as fo
import pytest

from fiftyone_ntt.dataset.references.label_lookup import LabelPlace, find_labels

BOX = [0.1, 0.1, 0.2, 0.2]


@pytest.fixture
def labelled(dataset: fo.Dataset) -> fo.Dataset:
    """Two samples, with labels of every kind that can be a reference, and one that cannot."""
    for index in range(2):
        sample = fo.Sample(f"/images/{index}.jpg")
        sample["boxes"] = fo.Detections(
            detections=[fo.Detection(label="a", bounding_box=BOX) for _ in range(3)]
        )
        sample["lines"] = fo.Polylines(polylines=[fo.Polyline(label="a", points=[[(0, 0)]])])
        sample["one"] = fo.Detection(label="a", bounding_box=BOX)
        sample["kind"] = fo.Classification(label="a")
        dataset.add_sample(sample)
    dataset.add_sample(fo.Sample("/images/2.jpg"))
    return dataset


def test_found_in_every_kind_of_field(labelled: fo.Dataset) -> None:
    first, second = labelled.first(), labelled[1:].first()
    boxes = [label.id for label in first.boxes.detections]
    line, one = second.lines.polylines[0].id, second.one.id
    ids = [*boxes[:2], line, one, second.kind.id, "0" * 24]
    assert find_labels(labelled, ids) == {
        "boxes": {label: LabelPlace(first.id, label) for label in boxes[:2]},
        "lines": {line: LabelPlace(second.id, line)},
        "one": {one: LabelPlace(second.id, one)},
    }


def test_the_field_with_most_comes_first_and_clones_count_once(labelled: fo.Dataset) -> None:
    labelled.clone_sample_field("boxes", "a_clone")
    labelled.first().a_clone = None
    sample = labelled.first()
    sample["a_clone"] = None
    sample.save()
    lines = labelled.values("lines.polylines.id", unwind=True)
    ids = [*labelled.values("boxes.detections.id", unwind=True), *lines]
    places = find_labels(labelled, ids)
    assert {field: len(labels) for field, labels in places.items()} == {"boxes": 6, "lines": 2}
    assert list(places) == ["boxes", "lines"]


def test_a_view_shows_its_own_alone(labelled: fo.Dataset) -> None:
    ids = labelled.values("boxes.detections.id", unwind=True)
    assert set(find_labels(labelled[1:], ids)["boxes"]) == set(ids[3:])


@pytest.mark.parametrize("ids", [[], ["0" * 24], ["no object id", ""]])
def test_nothing_is_found(labelled: fo.Dataset, ids: list[str]) -> None:
    assert find_labels(labelled, ids) == {}
