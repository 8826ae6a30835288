"""Brain runs for the Embeddings panel: references, and predictions in the same plane."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
import pytest
from fiftyone.brain.visualization import ManualVisualization
from fiftyone.server.routes.embeddings import ColorByChoices, OnPlotLoad

import fiftyone_ntt as ntt
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.plane import fit_plane
from fiftyone_ntt.dataset.pictures import visualization
from fiftyone_ntt.dataset.pictures.prediction_features import NO_PROPOSALS, prediction_features
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.proposal_store import ProposalStore
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

KEYS = ["colours_predictions", "colours_references"]


@pytest.fixture
def bank(dataset: fo.Dataset, tmp_path: Path, store: ProposalStore) -> MemoryBank:
    """Of two of four scenes, all segmented into `predictions`."""
    add_scenes(dataset, tmp_path, 4)
    models = colour_models()
    bank = ntt.build_memory_bank(dataset[:2], "ground_truth", models=models, name="colours")
    ntt.segment(dataset, bank, models=models, points_per_side=8, store=store)
    return bank


def points_of(dataset: fo.Dataset, key: str) -> dict[str, Any]:
    results = dataset.load_brain_results(key, cache=False)
    return dict(zip(results.label_ids, results.points, strict=True))


def test_references_and_predictions_share_the_references_plane(
    dataset: Any, bank: Any, store: Any
) -> None:
    report = ntt.visualize_memory_bank(dataset, "colours", "predictions", store=store)
    assert report.runs == {"colours_references": 6, "colours_predictions": 12}
    assert report.references_left_out == report.predictions_left_out == {}
    plane = fit_plane(bank.unit_references)
    expected = dict(zip(bank.references.ids, plane.project(bank.unit_references), strict=True))
    found = prediction_features(dataset, "predictions", bank, store=store)
    others = dict(zip(found.ids, plane.project(found.features), strict=True))
    for key, points in (("colours_references", expected), ("colours_predictions", others)):
        shown = points_of(dataset, key)
        assert shown.keys() == points.keys()
        for label_id, point in points.items():
            np.testing.assert_allclose(shown[label_id], point, atol=1e-6)


def test_classes_lie_together(dataset: Any, bank: Any, store: Any) -> None:
    ntt.visualize_memory_bank(dataset, bank, "predictions", store=store)
    labels = dict(
        zip(
            *dataset.values(
                ["predictions.detections.id", "predictions.detections.label"], unwind=True
            ),
            strict=True,
        )
    )
    classes = dict(zip(bank.references.ids, bank.references.classes.tolist(), strict=True))
    references = points_of(dataset, "colours_references")
    for label_id, point in points_of(dataset, "colours_predictions").items():
        nearest = min(references, key=lambda other: np.linalg.norm(references[other] - point))
        assert bank.classes[classes[nearest]] == labels[label_id]


def test_the_embeddings_panel_can_plot_and_colour_them(dataset: Any, bank: Any, store: Any) -> None:
    ntt.visualize_memory_bank(dataset, bank, "predictions", store=store)
    request = {"datasetName": dataset.name, "view": [], "filters": None, "slices": None}
    for field, count in (("ground_truth", 6), ("predictions", 12)):
        key = "colours_predictions" if field == "predictions" else "colours_references"
        assert dataset.get_brain_info(key).config.cls.startswith("fiftyone.brain.visualization.")
        choices = ColorByChoices({"type": "http"}, None, None)._post_sync(
            {**request, "patchesField": field}
        )["fields"]
        assert f"{field}.detections.label" in choices
        plot = OnPlotLoad({"type": "http"}, None, None)._post_sync(
            {**request, "brainKey": key, "labelField": f"{field}.detections.label"}
        )
        assert plot["style"] == "categorical" and plot["patches_field"] == field
        assert set(plot["traces"]) == {"blue", "green", "red"}
        assert sum(map(len, plot["traces"].values())) == plot["available_count"] == count


def test_no_network_runs(dataset: Any, bank: Any, store: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("fiftyone_ntt.models.loading.load_models", None)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    report = ntt.visualize_memory_bank(dataset, bank, "predictions", store=store)
    assert sum(report.runs.values()) == 18


def test_running_again_replaces_its_own_runs(dataset: Any, bank: Any, store: Any) -> None:
    ntt.visualize_memory_bank(dataset, bank, "predictions", store=store)
    red = ntt.build_memory_bank(
        dataset,
        "ground_truth",
        models=colour_models(),
        name="colours",
        classes=["red"],
        overwrite=True,
    )
    ntt.visualize_memory_bank(dataset[2:], red, "predictions", store=store)
    assert dataset.list_brain_runs() == KEYS
    assert set(points_of(dataset, KEYS[1])) == set(red.references.ids)
    assert len(points_of(dataset, KEYS[0])) == 6
    # In another plane the predictions of before would be misplaced.
    ntt.visualize_memory_bank(dataset, bank)
    assert dataset.list_brain_runs() == KEYS[1:]


def test_other_keys_stay(dataset: Any, bank: Any, store: Any) -> None:
    fob.compute_visualization(
        dataset, points=np.zeros((4, 2)), method="manual", brain_key="colours"
    )
    ntt.visualize_memory_bank(dataset, bank, brain_key="first")
    ntt.visualize_memory_bank(dataset, bank)
    keys = ["colours", "colours_references", "first_references"]
    assert dataset.list_brain_runs() == keys


def test_a_foreign_run_is_not_replaced(dataset: Any, bank: Any, store: Any) -> None:
    fob.compute_visualization(
        dataset, points=np.ones((4, 2)), method="manual", brain_key="colours_references"
    )
    with pytest.raises(InputError, match=r"'colours_references' of another origin.*brain_key"):
        ntt.visualize_memory_bank(dataset, bank)
    assert "another origin" in str(ntt.visualization_key_problem(dataset, "colours"))
    assert ntt.visualization_key_problem(dataset, "others") is None
    assert dataset.list_brain_runs() == ["colours_references"]
    assert dataset.load_brain_results("colours_references").points.tolist() == [[1, 1]] * 4


def test_a_failed_call_leaves_things_as_they_were(
    dataset: Any, bank: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ntt.visualize_memory_bank(dataset, bank, "predictions", store=store)
    before = [points_of(dataset, key) for key in KEYS]
    saved = ManualVisualization.save_run_results
    registered = []

    def fail_second(run: Any, samples: Any, key: str, *args: Any, **options: Any) -> None:
        registered.append(samples.list_brain_runs())
        if len(registered) == 2:
            raise OSError("the disk is full")
        saved(samples, key, *args, **options)

    with monkeypatch.context() as patched, pytest.raises(OSError, match="full"):
        patched.setattr(ManualVisualization, "save_run_results", fail_second)
        ntt.visualize_memory_bank(dataset[:1], bank, "predictions", store=store)
    assert len(registered[1]) == 4  # FiftyOne registers a key before its results are there
    assert dataset.list_brain_runs() == KEYS
    for key, points in zip(KEYS, before, strict=True):
        shown = points_of(dataset, key)
        assert shown.keys() == points.keys()


def test_what_a_killed_call_left_is_cleared(
    dataset: Any, bank: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ntt.visualize_memory_bank(dataset, bank, "predictions", store=store)
    for key in KEYS:
        dataset.rename_brain_run(key, f"{key}{visualization._DRAFT}")
    report = ntt.visualize_memory_bank(dataset, bank)
    assert dataset.list_brain_runs() == list(report.runs) == KEYS[1:]
    assert len(points_of(dataset, KEYS[1])) == 6


def test_references_that_are_gone_are_counted(dataset: Any, bank: Any, store: Any) -> None:
    dataset.delete_labels(ids=list(bank.references.ids[:2]))
    report = ntt.visualize_memory_bank(dataset, bank, "predictions", store=store)
    assert report.runs == {"colours_references": 4, "colours_predictions": 12}
    (reason,) = report.references_left_out
    assert "not on dataset" in reason and report.references_left_out[reason] == 2
    assert f"2 references left out: {reason}" in str(report)


def test_a_bank_of_another_dataset_shows_predictions_alone(
    dataset: Any, bank: Any, store: Any, tmp_path: Path
) -> None:
    dataset.delete_labels(ids=list(bank.references.ids))
    report = ntt.visualize_memory_bank(dataset, bank, "predictions", store=store)
    assert report.runs == {"colours_predictions": 12}
    with pytest.raises(InputError, match=r"nothing to show.*not on dataset"):
        ntt.visualize_memory_bank(dataset, bank)
    assert dataset.list_brain_runs() == KEYS[:1]


def test_references_in_two_fields(dataset: Any, bank: Any, store: Any) -> None:
    moved = bank.references.ids[0]
    sample = dataset.select_labels(ids=[moved]).first()
    sample = dataset[sample.id]
    (label,) = [found for found in sample.ground_truth.detections if found.id == moved]
    sample.ground_truth.detections.remove(label)
    sample["more"] = fo.Detections(detections=[label])
    sample.save()
    report = ntt.visualize_memory_bank(dataset, bank)
    assert report.runs == {"colours_references": 5, "colours_references_more": 1}
    assert dataset.get_brain_info("colours_references_more").config.patches_field == "more"


def test_predictions_without_proposals_are_counted(
    dataset: Any, bank: Any, store: Any, tmp_path: Path
) -> None:
    report = ntt.visualize_memory_bank(dataset, bank, "predictions", store=tmp_path / "none")
    assert report.runs == {"colours_references": 6}
    assert report.predictions_left_out == {NO_PROPOSALS: 12}
    assert str(report).splitlines()[1] == f"  12 predictions left out: {NO_PROPOSALS}"


def test_one_reference_spans_no_plane_but_is_shown(dataset: Any, bank: Any, store: Any) -> None:
    one = ntt.build_memory_bank(
        dataset, "ground_truth", models=colour_models(), label_ids=bank.references.ids[:1]
    )
    report = ntt.visualize_memory_bank(dataset, one, "predictions", store=store)
    assert report.runs == {"memory_bank_references": 1, "memory_bank_predictions": 12}
    assert points_of(dataset, "memory_bank_references")[one.references.ids[0]].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"brain_key": "a b"}, "cannot be a brain key"),
        ({"brain_key": ""}, "cannot be a brain key"),
        ({"predictions_field": "gone"}, "no field 'gone'"),
        ({"bank": "gone"}, "no memory bank 'gone'"),
    ],
)
def test_what_does_not_fit(dataset: Any, bank: Any, store: Any, arguments: dict, message: str):
    with pytest.raises(InputError, match=message):
        ntt.visualize_memory_bank(dataset, **{"bank": bank, "store": store, **arguments})
    with pytest.raises(InputError, match="whole images"):
        ntt.visualize_memory_bank(dataset.to_patches("ground_truth"), bank)
    assert dataset.list_brain_runs() == []
