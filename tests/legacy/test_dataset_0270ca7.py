"""A dataset of the first version opens, evaluates, relabels and deletes as it did then.

`make_fixture` says what is on it. It was written by the code of commit 0270ca7 and stays as it is:
where a test of this file fails, people's databases no longer work.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import fiftyone as fo
import pytest
from fiftyone.operators.store import ExecutionStore

import fiftyone_ntt as ntt
from tests.legacy import make_fixture as legacy
from tests.legacy.make_fixture import BOXES, MASKS, PREDICTIONS, RELABELLED, SHARPER, TRUTH

EXPECTED = json.loads((legacy.FOLDER / "expected.json").read_text())
RUNS = EXPECTED["deletions"]["runs"]
EVALUATIONS = EXPECTED["evaluations"]


def open_old(dataset: fo.Dataset, folder: Path) -> fo.Dataset:
    """The old dataset, from a copy of its files, in one that is empty."""
    shutil.copytree(legacy.FOLDER / "dataset", folder)
    dataset.add_dir(dataset_dir=str(folder), dataset_type=fo.types.FiftyOneDataset, progress=False)
    for row in json.loads((legacy.FOLDER / "thumbnails.json").read_text()):
        store = ExecutionStore.create(row["store_name"], dataset_id=dataset._doc.id)
        store.set(row["key"], row["value"])
    return dataset


@pytest.fixture
def opened(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """The old dataset, imported under a name of its own."""
    return open_old(dataset, tmp_path / "dataset")


@pytest.fixture(scope="module")
def read_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fo.Dataset]:
    """The same, imported once for all tests that only look at it."""
    dataset = fo.Dataset("test-legacy")
    yield open_old(dataset, tmp_path_factory.mktemp("legacy") / "dataset")
    dataset.delete()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The old store of proposals."""
    return Path(shutil.copytree(legacy.FOLDER / "proposals", tmp_path / "proposals"))


@pytest.fixture
def plugin() -> None:
    """FiftyOne looks up the metrics of an evaluation in the plugins."""
    from fiftyone_ntt.plugin.install import install_plugin

    install_plugin()


def without(labels: dict[str, Any], *names: str) -> dict[str, Any]:
    """Described labels without some of their attributes."""
    return {
        scene: rows and [{k: v for k, v in row.items() if k not in names} for row in rows]
        for scene, rows in labels.items()
    }


SINCE = ("digest", "proposal")
"""Attributes that predictions have got since."""


def test_it_opens_with_all_its_labels(read_only: fo.Dataset) -> None:
    assert read_only.count_sample_tags() == EXPECTED["tags"]
    assert read_only.count_label_tags() == EXPECTED["label_tags"]
    assert sorted(read_only.get_field_schema()) == EXPECTED["fields"]
    for field, labels in EXPECTED["labels"].items():
        assert legacy.described_labels(read_only, field) == labels


def test_nothing_is_logged_while_it_is_opened_and_read(
    opened: fo.Dataset, plugin: None, caplog: pytest.LogCaptureFixture
) -> None:
    opened.reload()
    for key in opened.list_evaluations():
        opened.load_evaluation_results(key, cache=False)
    for key in opened.list_runs():
        opened.load_run_results(key, cache=False)
    for key in opened.list_brain_runs():
        opened.load_brain_results(key, cache=False)
    records = [*caplog.get_records("setup"), *caplog.records]
    assert [row.getMessage() for row in records if row.levelno >= logging.WARNING] == []


def test_its_coco_file_is_the_same(read_only: fo.Dataset) -> None:
    assert legacy.exported_coco(read_only) == EXPECTED["coco"]


def test_its_banks(read_only: fo.Dataset) -> None:
    found = legacy.described_banks(read_only)
    assert [(bank["name"], bank["run_key"]) for bank in found] == [
        ("shapes", "shapes"),
        ("shapes, sharper", "shapes__sharper"),
    ]
    for bank, expected in zip(found, EXPECTED["banks"], strict=True):
        points = [xy for row in bank["review"].pop("points") for xy in row]
        there = [xy for row in expected["review"]["points"] for xy in row]
        assert points == pytest.approx(there, abs=1e-5)
        for part in ("references", "negatives"):
            # That version did not note it.
            assert set(bank["contents"][part].pop("image_names")) <= {""}
        assert (bank.pop("change"), list(bank.pop("content")), bank.pop("version")) == (None, [], 1)
        assert bank == expected | {"review": without_points(expected["review"])}


def without_points(review: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in review.items() if name != "points"}


def test_its_banks_can_be_edited_and_deleted(opened: fo.Dataset) -> None:
    assert ntt.remove_negatives(opened, SHARPER, origin="background").negatives == 2
    assert ntt.merge_memory_banks(opened, ["shapes", SHARPER], "all").classes == {
        "checkered kite": 2,
        "speckled leaf": 2,
        "spotted mushroom": 2,
    }
    ntt.delete_memory_bank(opened, SHARPER)
    assert [bank.name for bank in ntt.list_memory_banks(opened)] == ["all", "shapes"]


def test_its_runs(read_only: fo.Dataset) -> None:
    assert legacy.described_runs(read_only) == EXPECTED["runs"]


@pytest.mark.parametrize("key", EVALUATIONS)
def test_its_evaluations_load(read_only: fo.Dataset, key: str) -> None:
    assert legacy.described_evaluation(read_only, key) == EVALUATIONS[key]


def test_its_exact_evaluations_are_ours(read_only: fo.Dataset) -> None:
    from fiftyone_ntt.dataset.exact_evaluation import PycocotoolsEvaluationConfig

    infos = [read_only.get_evaluation_info(key) for key in ("exact", "exact_boxes")]
    assert [type(info.config) for info in infos] == [PycocotoolsEvaluationConfig] * 2
    assert [info.config.method for info in infos] == ["pycocotools"] * 2
    assert read_only.list_evaluations(method="pycocotools") == ["exact", "exact_boxes"]


ANEW = {
    "exact": {"iou": "masks"},
    "exact_boxes": {"iou": "boxes"},
    "own_boxes": {"iou": "boxes", "method": "fiftyone"},
}


@pytest.mark.parametrize("key", ANEW)
def test_evaluated_anew_the_figures_and_verdicts_are_the_same(opened: fo.Dataset, key: str) -> None:
    view, settings = legacy.segmented(opened), ANEW[key]
    ntt.evaluate(view, PREDICTIONS, TRUTH, eval_key="anew", progress=False, **settings)
    opened.reload()
    anew = "anew_boxes" if settings["iou"] == "boxes" else "anew"
    found, expected = legacy.described_evaluation(opened, anew), dict(EVALUATIONS[key])
    assert found.pop("metrics") == pytest.approx(expected.pop("metrics"), abs=1e-9)
    assert found.pop("mAP") == pytest.approx(expected.pop("mAP"), abs=1e-9)
    assert found == expected
    for field in (PREDICTIONS, TRUTH):
        for ending in ("", "_id"):
            paths = [f"{field}.detections.{name}{ending}" for name in (key, anew)]
            before, now = opened.values(paths, unwind=True)
            assert now == before and set(now) != {None}


def test_the_metric_of_an_evaluation_is_found_again(opened: fo.Dataset, plugin: None) -> None:
    legacy.segmented(opened).evaluate_detections(
        PREDICTIONS, TRUTH, eval_key="anew", custom_metrics=[legacy.METRIC], progress=False
    )
    found = legacy.described_evaluation(opened, "anew")
    assert found["metrics"] == pytest.approx(EVALUATIONS["metric"]["metrics"], abs=1e-9)


def test_relabelled_from_the_old_store(opened: fo.Dataset, store: Path) -> None:
    settings = {**legacy.RELABELLING, "label_field": "anew"}
    report = ntt.relabel(legacy.targets(opened), SHARPER, store=store, progress=False, **settings)
    assert (report.written, report.failures) == (5, {})
    found = legacy.described_labels(opened, "anew")
    expected = EXPECTED["labels"][RELABELLED]
    own = ("id", "run", "confidence", "margin", *SINCE)
    assert without(found, *own) == without(expected, *own)
    for name in ("confidence", "margin"):
        assert column(found, name) == pytest.approx(column(expected, name), abs=1e-6)


def column(labels: dict[str, Any], name: str) -> list[float]:
    return [row[name] for rows in labels.values() for row in rows or ()]


def test_runs_that_are_done_are_known_to_be(opened: fo.Dataset, store: Path) -> None:
    quiet = {"store": store, "progress": False}
    reports = [
        ntt.segment(legacy.segmented(opened), "shapes", **quiet, **legacy.SEGMENTING),
        ntt.relabel(legacy.targets(opened), SHARPER, **quiet, **legacy.RELABELLING),
    ]
    assert [(report.written, report.skipped) for report in reports] == [(0, 4), (0, 5)]
    assert_untouched(opened)


def test_masks_of_boxes_are_known_to_be_done(opened: fo.Dataset) -> None:
    report = ntt.boxes_to_masks(
        legacy.segmented(opened).limit(2), BOXES, MASKS, models="demo", progress=False
    )
    assert (report.written, report.skipped) == (0, 2)
    rows = [row for rows in EXPECTED["labels"][MASKS].values() for row in rows or ()]
    by_class: dict[str, list[float]] = {row["label"]: [] for row in rows}
    for row in rows:
        by_class[row["label"]].append(row["box_agreement"])
    assert report.agreement == pytest.approx({name: fmean(by_class[name]) for name in by_class})
    assert_untouched(opened)


def assert_untouched(dataset: fo.Dataset) -> None:
    """All labels, and all runs but for the time at which they were asked for."""
    dataset.reload()
    for field, labels in EXPECTED["labels"].items():
        assert legacy.described_labels(dataset, field) == labels
    found = legacy.described_runs(dataset)
    assert {key: run | {"updated": None} for key, run in found.items()} == {
        key: run | {"updated": None} for key, run in EXPECTED["runs"].items()
    }


def test_an_unfinished_run_goes_on(opened: fo.Dataset, store: Path) -> None:
    found, expected = legacy.continued(opened, store), EXPECTED["continued"]
    assert found["run"] == expected["run"]
    assert found["counts"] == expected["counts"] == [5, 1, 4, 4]
    own = ("id", "confidence", "margin", *SINCE)
    assert without(found["labels"], *own) == without(expected["labels"], *own)
    for name in ("confidence", "margin"):
        there = column(expected["labels"], name)
        assert column(found["labels"], name) == pytest.approx(there, abs=1e-6)


@pytest.mark.parametrize("key", RUNS)
def test_a_run_s_predictions_are_deleted(opened: fo.Dataset, key: str) -> None:
    field = EXPECTED["runs"][key]["field"]
    report = ntt.delete_run_predictions(opened, key, replace_reviewed=True)
    assert report.deleted == RUNS[key]["deleted"]
    opened.reload()
    assert legacy.described_labels(opened, field) == RUNS[key]["left"]
    assert sorted(ntt.list_prediction_runs(opened)) == RUNS[key]["runs"]


def test_what_somebody_tagged_since_stays_unless_named(opened: fo.Dataset) -> None:
    key = next(key for key, run in EXPECTED["runs"].items() if run["field"] == PREDICTIONS)
    report = ntt.delete_run_predictions(opened, key)
    deleted = RUNS[key]["deleted"] - 1
    assert (report.deleted, report.unknown, report.kept) == (deleted, deleted, {"tagged": 1})
    assert f"deleted ({deleted} of an earlier version, unknown whether edited), 1 of" in str(report)


def test_of_replaced_predictions_it_is_unknown_whether_they_were_edited(
    opened: fo.Dataset, store: Path
) -> None:
    settings = {**legacy.RELABELLING, "label_field": PREDICTIONS, "overwrite": True}
    report = ntt.relabel(legacy.segmented(opened), SHARPER, store=store, progress=False, **settings)
    assert report.kept == {"tagged": 1, "by hand": 1}
    assert report.replaced == report.unknown > 0
    assert f"{report.replaced} replaced ({report.unknown} of an earlier version" in str(report)


@pytest.mark.parametrize("key", EVALUATIONS)
def test_an_evaluation_is_deleted(opened: fo.Dataset, plugin: None, key: str) -> None:
    before = set(opened.get_field_schema(flat=True))
    opened.delete_evaluation(key)
    gone = before - set(opened.get_field_schema(flat=True))
    assert sorted(gone) == EXPECTED["deletions"]["evaluations"][key]
    assert opened.list_evaluations() == sorted(set(EVALUATIONS) - {key})


def test_thumbnails(read_only: fo.Dataset) -> None:
    """Those of earlier versions are not read: whoever shows a bank has them drawn again."""
    assert len(EXPECTED["thumbnails"]["shapes"]) == 6
    assert not any(legacy.described_thumbnails(read_only).values())


def test_the_bank_in_the_embeddings_panel(opened: fo.Dataset, store: Path) -> None:
    assert legacy.described_points(opened) == EXPECTED["points"]
    report = ntt.visualize_memory_bank(opened, "shapes", PREDICTIONS, store=store, progress=False)
    # The runs are known to be ours: they are replaced, and the key is not taken.
    assert report.runs == {key: len(points) for key, points in EXPECTED["points"].items()}
    opened.reload()
    for key, points in legacy.described_points(opened).items():
        for label, place in EXPECTED["points"][key].items():
            assert points[label] == pytest.approx(place, abs=1e-5)


def test_the_pictures_of_a_bank(opened: fo.Dataset) -> None:
    assert legacy.described_pictures(opened) == EXPECTED["pictures"]
    report = ntt.draw_memory_bank(opened, "shapes", progress=False)
    assert (report.drawn, report.skipped) == (0, 6)


def test_the_shots_curve(read_only: fo.Dataset) -> None:
    assert ntt.list_shots_curves(read_only) == [legacy.CURVE]
    assert legacy.described_curve(read_only) == EXPECTED["curve"]


def test_a_workspace_s_panels_are_still_called_so(read_only: fo.Dataset, plugin: None) -> None:
    from fiftyone.operators import get_operator

    panels = read_only.load_workspace("memory").children
    uris = [f"@ntt/reference_segmentation/{panel.type}" for panel in panels]
    assert [get_operator(uri).name for uri in uris] == list(legacy.PANELS)
