"""Taking back what a run wrote, and nothing else."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 4)
    ntt.build_memory_bank(dataset, "ground_truth", models=MODELS, name="colours")
    return dataset


def segmented(dataset: fo.Dataset, samples: fo.DatasetView, **settings: object) -> str:
    return ntt.segment(samples, "colours", models=MODELS, **settings).run  # type: ignore[arg-type]


def test_only_that_run_s_detections_go(scenes):
    first = segmented(scenes, scenes[:2], points_per_side=8)
    second = segmented(scenes, scenes[2:], points_per_side=6)
    assert ntt.delete_run_predictions(scenes, first).deleted == 6
    assert scenes.exists("predictions").values("predictions.run") == [second] * 2
    assert list(ntt.list_prediction_runs(scenes)) == [second]


def test_labels_drawn_by_hand_stay(scenes):
    run = segmented(scenes, scenes.view(), points_per_side=8)
    sample = scenes.first()
    sample.predictions.detections.append(fo.Detection(label="mine", bounding_box=[0, 0, 1, 1]))
    sample.save()
    assert ntt.delete_run_predictions(scenes, run).deleted == 12
    assert scenes.values("predictions.detections.label", unwind=True) == ["mine"]
    assert scenes.first().predictions.run is None


def test_the_same_run_can_be_made_again(scenes):
    run = segmented(scenes, scenes.view(), points_per_side=8)
    ntt.delete_run_predictions(scenes, run)
    report = ntt.segment(scenes, "colours", models=MODELS, points_per_side=8)
    assert (report.run, report.written, report.skipped) == (run, 4, 0)


def test_a_field_that_is_gone_leaves_the_run_to_delete(scenes):
    run = segmented(scenes, scenes.view(), points_per_side=8)
    scenes.delete_sample_field("predictions")
    assert ntt.delete_run_predictions(scenes, run).deleted == 0
    assert ntt.list_prediction_runs(scenes) == {}


def test_runs_are_described(scenes):
    run = segmented(scenes, scenes.view(), points_per_side=8)
    found = ntt.list_prediction_runs(scenes[:1])[run]
    assert (found["field"], found["status"], found["bank"]) == (
        "predictions",
        "COMPLETED",
        "colours",
    )


def test_unknown_runs(scenes):
    with pytest.raises(InputError, match=r"no run .colours. of predictions\. It has none"):
        ntt.delete_run_predictions(scenes, "colours")


def test_a_field_that_a_run_made_goes_when_nothing_is_left_in_it(scenes):
    first = segmented(scenes, scenes[:2], points_per_side=8)
    second = segmented(scenes, scenes[2:], points_per_side=6)
    assert ntt.delete_run_predictions(scenes, first, empty_field=True).field is None
    schema = set(scenes.get_field_schema(flat=True))
    report = ntt.delete_run_predictions(scenes, second, empty_field=True)
    assert report.field == "predictions" and "field 'predictions' with them" in str(report)
    assert not scenes.has_field("predictions")
    assert (ntt.undo(scenes).samples, list(ntt.list_prediction_runs(scenes))) == (2, [second])
    assert set(scenes.get_field_schema(flat=True)) == schema
    assert scenes.exists("predictions").values("predictions.run") == [second] * 2
    assert ntt.undo(scenes).samples == 2
    assert scenes.values("predictions.run") == [first] * 2 + [second] * 2


def test_a_field_stays_that_others_made_or_whose_labels_are_in_it(scenes):
    scenes.add_sample_field("theirs", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    run = segmented(scenes, scenes.view(), points_per_side=8, label_field="theirs")
    assert ntt.delete_run_predictions(scenes, run, empty_field=True).field is None
    assert scenes.has_field("theirs")
    run = segmented(scenes, scenes.view(), points_per_side=8)
    sample = scenes.first()
    sample.predictions.detections.append(fo.Detection(label="mine", bounding_box=[0, 0, 1, 1]))
    sample.save()
    assert ntt.delete_run_predictions(scenes, run, empty_field=True).field is None
    assert scenes.count("predictions.detections") == 1
