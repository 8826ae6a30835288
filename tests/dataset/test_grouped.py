"""A grouped dataset shows FiftyOne's queries its active slice alone; nothing of ours depends on
which that is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import random_scene, scene_sample

MODELS = colour_models()
SLICES = ("left", "right")


@pytest.fixture
def grouped(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """Three groups of two images; `left` is the active slice."""
    dataset.add_group_field("group", default="left")
    for number in range(3):
        group = fo.Group()
        for place, side in enumerate(SLICES):
            scene = random_scene(2 * number + place)
            sample = scene_sample(tmp_path, f"{side}{number}", scene)
            sample["group"] = group.element(side)
            dataset.add_sample(sample)
    return dataset


def images(grouped: fo.Dataset) -> Any:
    return grouped.select_group_slices(media_type="image")


@pytest.fixture(params=["both", "right"])
def view(request: pytest.FixtureRequest, grouped: fo.Dataset) -> Any:
    """Both slices, or the one that is not active."""
    return images(grouped) if request.param == "both" else grouped.select_group_slices("right")


@pytest.fixture
def bank(grouped: fo.Dataset) -> str:
    ntt.build_memory_bank(images(grouped)[:4], "ground_truth", models=MODELS, name="colours")
    return "colours"


def segment(view: Any, bank: str, **options: Any) -> Any:
    return ntt.segment(view, bank, models=MODELS, points_per_side=16, store=False, **options)


def test_a_group_itself_is_refused(grouped: fo.Dataset, bank: str) -> None:
    with pytest.raises(InputError, match="select_group_slices"):
        segment(grouped, bank)


def test_a_run_writes_the_view_once_and_goes_away_whole(view: Any, bank: str) -> None:
    count = len(view)
    first = segment(view, bank)
    assert (first.written, first.skipped) == (count, 0)
    assert (segment(view, bank).written, segment(view, bank).skipped) == (0, count)
    assert len(view.exists("predictions")) == count

    deleted = ntt.delete_run_predictions(view, first.run)

    assert deleted.deleted == first.detections == 3 * count
    assert len(view.exists("predictions")) == 0
    ntt.undo(view)
    assert view.count("predictions.detections") == 3 * count


def test_labels_on_the_slice_that_is_not_active_stay(grouped: fo.Dataset, bank: str) -> None:
    right = grouped.select_group_slices("right")
    for sample in right:
        sample["predictions"] = fo.Detections(
            detections=[fo.Detection(label="mine", bounding_box=[0.9, 0.9, 0.05, 0.05])]
        )
        sample.save()
    mine = right.values("predictions.detections.id", unwind=True)
    with pytest.raises(InputError, match="3 of these 6 samples already holds"):
        segment(images(grouped), bank)
    report = segment(images(grouped), bank, overwrite=True)
    assert (report.written, report.kept) == (6, {"by hand": 3})
    kept = right.values("predictions.detections.id", unwind=True)
    assert [key for key in kept if key in mine] == mine


def test_sampled_references_are_tagged_wherever_they_lie(view: Any) -> None:
    drawn = ntt.sample_references(
        view, "ground_truth", shots=1, seed=3, tag="reference", min_size=1, border=0
    )
    assert len(drawn.ids) == 3
    assert view.count_label_tags("ground_truth") == {"reference": 3}
    assert view.count_sample_tags()["reference"] >= 1
    assert (
        len(
            ntt.build_memory_bank(
                view, "ground_truth", label_tags="reference", models=MODELS, name="drawn"
            ).references
        )
        == 3
    )


def test_tagging_by_hand(view: Any) -> None:
    assert sum(ntt.tag_references(view, "ground_truth").values()) == 3 * len(view)
    assert view.count_label_tags("ground_truth") == {"reference": 3 * len(view)}


@pytest.mark.parametrize("method", ["pycocotools", "fiftyone"])
def test_an_evaluation_notes_its_verdicts(view: Any, bank: str, method: str) -> None:
    segment(view, bank)
    ntt.evaluate(view, "predictions", "ground_truth", eval_key="seen", method=method)
    verdicts = view.values("predictions.detections.seen", unwind=True)
    assert verdicts == ["tp"] * 3 * len(view)
    assert view.values("seen_tp") == [3] * len(view)


def test_boxes_to_masks(view: Any) -> None:
    report = ntt.boxes_to_masks(view, "ground_truth", "masks", models=MODELS)
    assert (report.written, report.detections) == (len(view), 3 * len(view))
    assert ntt.boxes_to_masks(view, "ground_truth", "masks", models=MODELS).written == 0


def test_thumbnails_of_references_on_every_slice(grouped: fo.Dataset, bank: str) -> None:
    ntt.make_thumbnails(grouped, bank)
    thumbnails = ntt.load_thumbnails(grouped, bank)
    references = ntt.load_memory_bank(grouped, bank).references.ids
    assert set(thumbnails) == set(references)


def test_drawings_of_references_on_every_slice(grouped: fo.Dataset, bank: str) -> None:
    ntt.draw_memory_bank(images(grouped), bank, models=MODELS)
    assert len(images(grouped).exists("memory_clusters")) == 4


def test_labels_inside_an_embedded_document_are_evaluated(
    dataset: fo.Dataset, tmp_path: Path
) -> None:
    for number in range(2):
        sample = scene_sample(tmp_path, f"s{number}", random_scene(number))
        labels = sample["ground_truth"]
        sample["doc"] = fo.DynamicEmbeddedDocument(gt=labels.copy())
        found = labels.copy()
        for label in found.detections:
            label.confidence = 0.9
        sample["predictions"] = found
        dataset.add_sample(sample)
    dataset.add_dynamic_sample_fields()
    results = ntt.evaluate(dataset, "predictions", "doc.gt")
    assert results.masks.metrics()["AP"] == pytest.approx(1.0)
