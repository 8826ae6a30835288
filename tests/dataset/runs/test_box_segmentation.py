"""Boxes to masks over a view."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest

from fiftyone_ntt import boxes_to_masks
from fiftyone_ntt.dataset.labels.masks import detection_mask
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

SIZE = (96, 128)
MODELS = colour_models()
LABELS = ["masks.detections.id", "masks.detections.box_agreement"]


@pytest.fixture
def boxes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 4)
    dataset.clone_sample_field("ground_truth", "boxes")
    dataset.set_field("boxes.detections.mask", None).save()
    dataset.set_field("boxes.detections.confidence", 0.75).save()
    dataset.set_field("boxes.detections.colour", "bright").save()
    return dataset


def test_each_box_gets_its_object_and_keeps_what_it_says(boxes):
    report = boxes_to_masks(boxes, "boxes", "masks", models=MODELS)
    assert (report.written, report.detections, report.failures) == (4, 12, {})
    for sample in boxes:
        columns = sample.boxes.detections, sample.masks.detections, sample.ground_truth.detections
        for box, made, truth in zip(*columns, strict=True):
            assert (made.label, made.confidence, made.colour) == (box.label, 0.75, "bright")
            assert (made.box_id, made.run) == (box.id, report.run) and made.id != box.id
            assert box.mask is None
            mask, expected = detection_mask(made, SIZE), detection_mask(truth, SIZE)
            assert (mask & expected).sum() / (mask | expected).sum() > 0.8
            exact = fo.Detection.from_mask(mask)
            assert exact.bounding_box == made.bounding_box


def test_existing_masks_are_kept(boxes):
    boxes_to_masks(boxes, "ground_truth", "masks", models=MODELS)
    for sample in boxes:
        pairs = zip(sample.ground_truth.detections, sample.masks.detections, strict=True)
        for truth, made in pairs:
            np.testing.assert_array_equal(truth.mask, made.mask)
            assert truth.bounding_box == made.bounding_box


def test_a_sample_without_boxes_gets_an_empty_result(boxes):
    sample = boxes.first()
    sample["boxes"] = None
    sample.save()
    report = boxes_to_masks(boxes, "boxes", "masks", models=MODELS)
    assert report.written == 4
    assert boxes.first().masks.detections == []


def test_resumes_and_reports_failures(boxes):
    broken = boxes.skip(1).first()
    Path(broken.filepath).write_text("no image")
    first = boxes_to_masks(boxes, "boxes", "masks", models=MODELS)
    assert (first.written, list(first.failures)) == (3, [broken.id])
    second = boxes_to_masks(boxes, "boxes", "masks", models=MODELS)
    assert (second.run, second.written, second.skipped) == (first.run, 0, 3)


def test_masks_that_do_not_fit_their_boxes_are_listed(boxes):
    """The colour segmenter takes what is in a box's middle: too large a box shows."""
    sample = boxes.first()
    wrong = sample.boxes.detections[0]
    x, y, w, h = wrong.bounding_box
    wrong.bounding_box = [x - w / 2, y - h / 2, 2 * w, 2 * h]
    sample.save()
    report = boxes_to_masks(boxes, "boxes", "masks", models=MODELS)
    values = dict(zip(*boxes.values(LABELS, unwind=True), strict=True))
    assert len(values) == 12
    [(key, value)] = report.low.items()
    assert boxes.first().masks.detections[0].id == key and value == values[key] < 0.35
    assert min(v for k, v in values.items() if k != key) > 0.7
    assert set(report.agreement) == {"blue", "green", "red"}
    of_class = [
        found.box_agreement
        for sample in boxes
        for found in sample.masks.detections
        if found.label == wrong.label
    ]
    assert report.agreement[wrong.label] == pytest.approx(np.mean(of_class))
    head, low = str(report).splitlines()
    assert "; masks and boxes agree by blue 0." in head
    assert low == f"  1 agree by less than 0.5, look at these: {key} ({value:.2f})"


def test_a_run_that_was_interrupted_reports_on_all_of_it(boxes):
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        boxes_to_masks(boxes, "boxes", "masks", models=MODELS, chunk_size=1, progress=stop)
    kept = [found.id for sample in boxes[:2] for found in sample.masks.detections]
    report = boxes_to_masks(boxes, "boxes", "masks", models=MODELS, progress=False)
    assert (report.written, report.skipped) == (2, 2)
    assert boxes.values("masks.detections.id", unwind=True)[: len(kept)] == kept
    whole = boxes_to_masks(boxes, "boxes", "other", models=MODELS, progress=False)
    assert report.agreement == pytest.approx(whole.agreement)


def test_masks_that_were_there_have_no_agreement(boxes):
    report = boxes_to_masks(boxes, "ground_truth", "masks", models=MODELS)
    assert (report.agreement, report.low) == ({}, {})
    assert "agree" not in str(report)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box_field": "nothing"}, "no field 'nothing'"),
        ({"mask_field": "boxes"}, "both 'boxes'"),
        ({"mask_field": "ground_truth"}, "already holds detections.*overwrite=True"),
        ({"mask_field": "filepath"}, "FiftyOne keeps that name for itself"),
    ],
)
def test_errors(boxes, options, message):
    arguments = {"samples": boxes, "box_field": "boxes", "mask_field": "masks"} | options
    with pytest.raises(InputError, match=message):
        boxes_to_masks(**arguments, models=MODELS)


def test_boxes_that_a_first_call_did_not_see_get_their_masks(boxes):
    from fiftyone import ViewField as F

    some = boxes.filter_labels("boxes", F("label") == "red")
    count = boxes.count("boxes.detections")
    reds = some.count("boxes.detections")
    first = boxes_to_masks(some, "boxes", "masks", models=MODELS)
    assert first.detections == reds < count
    kept = boxes.values("masks.detections.id", unwind=True)

    rest = boxes_to_masks(boxes, "boxes", "masks", models=MODELS)

    assert rest.detections == count - reds
    found = boxes.values("masks.detections.box_id", unwind=True)
    assert sorted(found) == sorted(boxes.values("boxes.detections.id", unwind=True))
    assert set(kept) <= set(boxes.values("masks.detections.id", unwind=True))
    assert boxes_to_masks(boxes, "boxes", "masks", models=MODELS).written == 0


def test_a_box_drawn_later_gets_its_mask_and_a_mask_that_was_deleted_stays_so(boxes):
    boxes_to_masks(boxes, "boxes", "masks", models=MODELS)
    sample = boxes.first()
    deleted = sample["masks"].detections.pop(0)
    one = sample["boxes"].detections[0]
    later = fo.Detection(label="later", bounding_box=one.bounding_box)
    sample["boxes"].detections.append(later)
    sample.save()

    report = boxes_to_masks(boxes, "boxes", "masks", models=MODELS)

    assert (report.written, report.detections) == (1, 1)
    sample.reload()
    made = [label.box_id for label in sample["masks"].detections]
    assert made[-1] == later.id
    assert deleted.box_id not in made


def test_the_tag_that_a_prediction_was_written_with_says_nothing_of_the_mask_made_of_it(boxes):
    """The tag of a mask is a person's who put it there, whatever the box once came with."""
    sample = boxes.first()
    sample.boxes.detections[0]["written_tags"] = ["good"]
    sample.save()
    boxes_to_masks(boxes[:1], "boxes", "masks", models=MODELS)
    sample.reload()
    sample.masks.detections[0].tags = ["good"]
    sample.save()
    report = boxes_to_masks(boxes[:1], "ground_truth", "masks", models=MODELS, overwrite=True)
    assert report.kept == {"tagged": 1}
