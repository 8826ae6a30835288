"""An open editor of FiftyOne's App writes a field back as it knew it, if somebody else wrote it
meanwhile. What a run wrote is looked at again at its end; what is gone is said, and to do again."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from bson import ObjectId

import fiftyone_ntt as ntt
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 4)
    ntt.build_memory_bank(dataset[:2], "ground_truth", models=MODELS, name="all")
    ntt.build_memory_bank(
        dataset[:2], "ground_truth", models=MODELS, name="two", classes=["red", "blue"]
    )
    return dataset


def segment(scenes: fo.Dataset, bank: str, **options: Any) -> Any:
    return ntt.segment(
        scenes, bank, models=MODELS, points_per_side=16, store=False, chunk_size=1, **options
    )


class Editor:
    """Knows a sample's field as it was, and writes it back once the run has written it."""

    def __init__(self, scenes: fo.Dataset) -> None:
        self.collection = scenes._sample_collection
        self.sample = ObjectId(scenes.first().id)
        row = self.collection.find_one({"_id": self.sample})
        self.known = (row.get("predictions") or {}).get("detections") or []

    def __call__(self, done: int, total: int) -> None:
        if done == 3:
            now = datetime.now(timezone.utc)
            change = {"predictions.detections": self.known, "last_modified_at": now}
            self.collection.update_one({"_id": self.sample}, {"$set": change})


def test_labels_that_came_back_are_no_edit_and_the_sample_is_to_do_again(
    scenes: fo.Dataset,
) -> None:
    first = segment(scenes, "all")
    report = segment(scenes, "two", overwrite=True, progress=Editor(scenes))

    assert report.reverted == 1
    assert "1 images lost theirs again" in str(report)
    runs = {label.run for label in scenes.first().predictions.detections}
    assert runs == {first.run}

    again = segment(scenes, "two", overwrite=True)
    assert (again.written, again.skipped, again.reverted, again.kept) == (1, 3, 0, {})
    runs = {label.run for label in scenes.first().predictions.detections}
    assert runs == {report.run}


def test_labels_that_were_taken_away_again(scenes: fo.Dataset) -> None:
    report = segment(scenes, "all", progress=Editor(scenes))
    assert report.reverted == 1
    assert segment(scenes, "all").written == 1


def test_what_a_person_does_meanwhile_is_no_revert(scenes: fo.Dataset) -> None:
    """A label deleted, another corrected, a third drawn: the rest of the run's are there."""

    def edit(done: int, total: int) -> None:
        if done == 3:
            sample = scenes.first()
            labels = sample["predictions"].detections
            del labels[0]
            labels[0].label = "corrected"
            labels.append(fo.Detection(label="mine", bounding_box=[0.9, 0.9, 0.05, 0.05]))
            sample.save()

    report = segment(scenes, "all", progress=edit)
    assert report.reverted == 0
    found = [label.label for label in scenes.first()["predictions"].detections]
    assert found[0] == "corrected"
    assert found[-1] == "mine"
    assert segment(scenes, "all").skipped == 4
