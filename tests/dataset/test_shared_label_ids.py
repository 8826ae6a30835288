"""Two samples may hold labels of one id: `add_collection(new_ids=True)` makes such."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()


@pytest.fixture
def doubled(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """Two samples of three labels, and copies of both with the same label ids."""
    add_scenes(dataset, tmp_path, 2)
    dataset.add_collection(dataset.clone(), new_ids=True)
    ids = dataset.values("ground_truth.detections.id", unwind=True)
    assert (len(ids), len(set(ids))) == (12, 6)
    return dataset


def test_each_label_is_one_reference(doubled: fo.Dataset) -> None:
    bank = ntt.build_memory_bank(doubled, "ground_truth", models=MODELS, name="all")
    assert len(bank.references) == 12
    assert len(set(bank.references.ids)) == 12
    some = ntt.build_memory_bank(doubled[:2], "ground_truth", models=MODELS, name="some")
    assert len(some.references) == 6


def test_a_selected_id_counts_once_on_each_sample(doubled: fo.Dataset) -> None:
    chosen = doubled.first()["ground_truth"].detections[0].id
    bank = ntt.build_memory_bank(
        doubled, "ground_truth", models=MODELS, name="chosen", label_ids=[chosen]
    )
    assert len(bank.references) == 2


def test_tags_go_to_the_samples_of_the_view_alone(doubled: fo.Dataset) -> None:
    ntt.tag_references(doubled[:1], "ground_truth")
    tagged = doubled.match_tags("reference")
    assert tagged.values("id") == [doubled.first().id]
    assert doubled.count_label_tags("ground_truth") == {"reference": 3}
    ntt.undo(doubled)
    assert doubled.count_label_tags("ground_truth") == {}


def test_sampled_references_are_the_samples_own(doubled: fo.Dataset) -> None:
    drawn = ntt.sample_references(doubled, "ground_truth", shots=1, seed=2, min_size=1, border=0)
    assert len(drawn.ids) == 3
    assert doubled.count_label_tags("ground_truth") == {"reference": 3}


def test_verdicts_go_to_the_sample_that_was_evaluated(doubled: fo.Dataset) -> None:
    ntt.build_memory_bank(doubled[:2], "ground_truth", models=MODELS, name="some")
    ntt.segment(doubled, "some", models=MODELS, points_per_side=16, store=False)
    ntt.evaluate(doubled[:1], "predictions", "ground_truth", eval_key="one")
    assert doubled.values("one_tp") == [3, None, None, None]
    verdicts = doubled.values("ground_truth.detections.one")
    assert verdicts == [["tp"] * 3, *[[None] * 3] * 3]


def test_thumbnails(doubled: fo.Dataset) -> None:
    bank = ntt.build_memory_bank(doubled, "ground_truth", models=MODELS, name="all")
    ntt.make_thumbnails(doubled, "all")
    assert set(ntt.load_thumbnails(doubled, "all")) == set(bank.references.ids)
