"""COCO's evaluation inside FiftyOne: the same figures as pycocotools on the exported files."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fiftyone as fo
import numpy as np
import psutil
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import fiftyone_ntt as ntt
from fiftyone_ntt.coco.scorer import METRICS, RECALLS
from fiftyone_ntt.dataset.evaluation.pycocotools_evaluation import PycocotoolsEvaluationConfig
from fiftyone_ntt.errors import InputError
from tests.dataset.evaluation.test_prediction_evaluation import (
    HEIGHT,
    WIDTH,
    add_random,
    saved_documents,
)
from tests.dataset.labels.pixelless import DETECTIONS
from tests.shapes import python_path, unchecked


def by_pycocotools(samples: Any, folder: Path, kind: str) -> dict[str, float]:
    """The figures of the files that `export_coco` writes."""
    ntt.export_coco(samples, "truth", folder / "truth.json", progress=False)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "truth.json"))
        results = export_results(samples, folder, kind)
        evaluation = COCOeval(truth, truth.loadRes(results), "segm" if kind == "masks" else "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip((*METRICS, *RECALLS), map(float, evaluation.stats), strict=True))


def export_results(samples: Any, folder: Path, kind: str) -> list[dict[str, Any]]:
    path = folder / "results.json"
    ntt.export_coco(samples, "predictions", path, results=True, progress=False)
    rows = json.loads(path.read_text())
    # pycocotools sizes results by their boxes if they have any, also when it scores masks.
    for row in rows:
        del row["bbox" if kind == "masks" else "segmentation"]
    return rows


@pytest.fixture
def labelled(dataset: fo.Dataset) -> fo.Dataset:
    add_random(dataset, seed=4)
    return dataset


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["masks", "boxes"])
def test_the_figures_of_the_exported_files(
    dataset: fo.Dataset, tmp_path: Path, seed: int, kind: Any
) -> None:
    add_random(dataset, seed=seed)
    if seed % 2:  # ties, across images too
        ranks = rounded_confidences(dataset)
        assert len(set(ranks)) < len(ranks)
    if seed % 3 == 0:  # images whose ids are in another order than the samples
        dataset.set_values("coco_id", list(range(len(dataset), 0, -1)))
    found = getattr(ntt.evaluate(dataset, "predictions", "truth", iou=kind, progress=False), kind)
    expected = by_pycocotools(dataset, tmp_path, kind)
    metrics = found.metrics()
    for name, value in expected.items():
        assert metrics.get(name, -1) == pytest.approx(value, abs=1e-9)
    assert found.mAP() == pytest.approx(expected["AP"], abs=1e-9)
    assert found.mAR() == pytest.approx(expected["AR100"], abs=1e-9)


def to_polylines(dataset: fo.Dataset, field: str) -> None:
    """Make the labels of a field rectangles drawn as filled polylines."""
    for sample in dataset.iter_samples(autosave=True):
        if sample[field] is None:
            continue
        drawn = []
        for label in sample[field].detections:
            x, y, w, h = label.bounding_box
            corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
            attributes = dict(label.iter_attributes())
            drawn.append(
                fo.Polyline(
                    label=label.label,
                    points=[corners],
                    closed=True,
                    confidence=label.confidence,
                    **attributes,
                )
            )
        sample[f"{field}_drawn"] = fo.Polylines(polylines=drawn)
    dataset.delete_sample_field(field)
    dataset.rename_sample_field(f"{field}_drawn", field)


@pytest.mark.parametrize("fields", [("truth",), ("truth", "predictions")])
@pytest.mark.parametrize("kind", ["masks", "boxes"])
def test_polylines_score_as_pycocotools_scores_their_files(
    dataset: fo.Dataset, tmp_path: Path, fields: tuple[str, ...], kind: Any
) -> None:
    add_random(dataset, seed=7)
    for field in fields:
        to_polylines(dataset, field)
    found = ntt.evaluate(
        dataset, "predictions", "truth", iou=kind, eval_key="drawn", progress=False
    )
    key = found.eval_keys[0]
    results = getattr(found, kind)
    expected = by_pycocotools(dataset, tmp_path, kind)
    assert expected["AP"] > 0
    for name, value in expected.items():
        assert results.metrics().get(name, -1) == pytest.approx(value, abs=1e-9)
    verdicts = dataset.count_values(f"truth.polylines.{key}")
    assert verdicts["tp"] == sum(dataset.values(f"{key}_tp")) > 0
    assert verdicts["fn"] == sum(dataset.values(f"{key}_fn")) > 0
    reloaded = fo.load_dataset(dataset.name).load_evaluation_results(key)
    assert reloaded.metrics() == results.metrics()


def add_pixelless(dataset: fo.Dataset) -> int:
    """Add what has no pixels to truth and predictions; how much of each."""
    sample = dataset.first()
    for make in DETECTIONS.values():
        sample["truth"].detections.append(make(label="a"))
        sample["predictions"].detections.append(make(label="a", confidence=0.99))
    sample.save()
    return len(DETECTIONS)


@pytest.mark.parametrize("kind", ["masks", "boxes"])
def test_labels_without_pixels_score_as_in_pycocotools(
    dataset: fo.Dataset, tmp_path: Path, kind: Any
) -> None:
    add_random(dataset, seed=5)
    before = ntt.evaluate(dataset, "predictions", "truth", iou=kind, progress=False)
    count = add_pixelless(dataset)
    report = ntt.export_coco(dataset, "truth", tmp_path / "empty.json", progress=False)
    assert report.empty == count and f"{count} without a pixel" in str(report)
    found = ntt.evaluate(dataset, "predictions", "truth", iou=kind, eval_key="k", progress=False)
    expected = by_pycocotools(dataset, tmp_path, kind)
    for name, value in expected.items():
        assert getattr(found, kind).metrics().get(name, -1) == pytest.approx(value, abs=1e-9)
    if kind == "masks":
        assert found.mask_map < before.mask_map
        path = f"truth.detections.{found.eval_keys[0]}"
        assert dataset.limit(1).values(path, unwind=True)[-count:] == ["fn"] * count


def test_a_confidence_of_nan_is_refused(labelled: fo.Dataset) -> None:
    sample = labelled.first()
    sample["predictions"].detections[0].confidence = float("nan")
    sample.save()
    with pytest.raises(InputError, match=r"1 of .* detections .* have the confidence NaN"):
        ntt.evaluate(labelled, "predictions", "truth", progress=False)


@pytest.mark.parametrize("kind", ["masks", "boxes"])
def test_an_open_polyline_is_named(labelled: fo.Dataset, kind: Any) -> None:
    to_polylines(labelled, "truth")
    sample = labelled.first()
    label = sample["truth"].polylines[0]
    label.closed = False
    sample.save()
    with pytest.raises(InputError, match=f"label {label.id}: its polyline is open"):
        ntt.evaluate(labelled, "predictions", "truth", iou=kind, progress=False)


def rounded_confidences(dataset: fo.Dataset) -> list[float]:
    """Round all confidences to a half or a whole."""
    path = "predictions.detections.confidence"
    rounded = [
        [max(round(value * 2), 1) / 2 for value in row or []] for row in dataset.values(path)
    ]
    dataset.set_values(path, rounded)
    return [value for row in rounded for value in row]


def add_by_hand(dataset: fo.Dataset) -> None:
    """One image: a hit, a miss, a false positive, and a crowd with two predictions on it."""

    def box(x: int, y: int, w: int, h: int, **fields: Any) -> fo.Detection:
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[y : y + h, x : x + w] = True
        return fo.Detection.from_mask(mask, label="a", **fields)

    truth = [box(0, 0, 10, 10), box(50, 50, 10, 10), box(80, 0, 60, 60, iscrowd=True)]
    found = [
        box(0, 1, 10, 10, confidence=0.9),
        box(20, 80, 9, 9, confidence=0.8),
        box(90, 10, 10, 10, confidence=0.7),
        box(90, 30, 10, 10, confidence=0.6),
    ]
    sample = fo.Sample(
        filepath="/nowhere/1.png",
        metadata=fo.ImageMetadata(width=WIDTH, height=HEIGHT),
        truth=fo.Detections(detections=truth),
        predictions=fo.Detections(detections=found),
    )
    dataset.add_sample(sample)


def noted(labels: list[fo.Detection], name: str) -> list[Any]:
    return [label.get_attribute_value(name, None) for label in labels]


@pytest.mark.parametrize("through", ["ntt", "fiftyone"])
def test_what_is_saved_on_the_objects(dataset: fo.Dataset, through: str) -> None:
    add_by_hand(dataset)
    if through == "ntt":
        ntt.evaluate(dataset, "predictions", "truth", eval_key="e", iou="masks", progress=False)
    else:
        dataset.evaluate_detections(
            "predictions",
            "truth",
            eval_key="e",
            method=PycocotoolsEvaluationConfig,
            use_masks=True,
            progress=False,
        )
    dataset.reload()
    sample = dataset.first()
    assert (sample.e_tp, sample.e_fp, sample.e_fn) == (1, 1, 1)
    truth, found = sample.truth.detections, sample.predictions.detections
    assert noted(truth, "e") == ["tp", "fn", None]
    assert noted(found, "e") == ["tp", "fp", None, None]
    assert noted(truth, "e_id") == [found[0].id, "", found[2].id]
    assert noted(found, "e_id") == [truth[0].id, "", truth[2].id, truth[2].id]
    assert noted(truth, "e_iou") == [pytest.approx(90 / 110), None, 1]
    assert noted(found, "e_iou") == [pytest.approx(90 / 110), None, 1, 1]
    # The two that are no verdict on the model are no part of its figures.
    results = dataset.load_evaluation_results("e", cache=False)
    assert results.metrics(average="micro")["support"] == 2
    assert len(dataset.to_evaluation_patches("e")) > 0
    dataset.rename_evaluation("e", "f")
    dataset.delete_evaluation("f")
    assert "f_tp" not in dataset.get_field_schema()


def test_results_come_back_from_the_database(labelled: fo.Dataset) -> None:
    ntt.evaluate(labelled, "predictions", "truth", eval_key="e", progress=False)
    for key in ("e", "e_boxes"):
        kept = labelled.load_evaluation_results(key)
        loaded = labelled.load_evaluation_results(key, cache=False)
        assert type(loaded) is type(kept)
        assert loaded.metrics() == kept.metrics()
        np.testing.assert_array_equal(loaded.precision, kept.precision)
        info = labelled.get_evaluation_info(key)
        assert isinstance(info.config, PycocotoolsEvaluationConfig)
        assert info.config.method == "pycocotools"
        assert loaded.plot_pr_curves() is not None


def test_the_model_evaluation_panel_shows_the_figures(labelled: fo.Dataset) -> None:
    from plugins.panels.model_evaluation import EvaluationPanel

    found = ntt.evaluate(labelled, "predictions", "truth", eval_key="e", iou="masks")

    state = SimpleNamespace(get_state=lambda _: {"key": "e"})
    context = SimpleNamespace(dataset=labelled, params={"key": "e"}, panel=state)
    panel = EvaluationPanel()
    panel.get_dataset = lambda ctx: ctx.dataset  # type: ignore[method-assign]
    data = panel.get_evaluation_data(context)
    assert data["metrics"]["mAP"] == pytest.approx(found.mask_map)
    shown = {entry["label"]: entry["value"] for entry in data["custom_metrics"].values()}
    assert shown == {name: found.masks.metrics()[name] for name in shown}
    assert {"AP", "AP50", "AP75", "APs", "APm", "AR100"} <= set(shown)


def test_several_processes_find_what_one_does(dataset: fo.Dataset) -> None:
    for seed in range(8):  # more images than one piece of work
        add_random(dataset, images=5, seed=seed)
    rounded_confidences(dataset)
    alone, together = (
        ntt.evaluate(dataset, "predictions", "truth", eval_key=key, progress=False, workers=workers)
        for key, workers in (("alone", 1), ("together", 2))
    )
    for kind in ("masks", "boxes"):
        one, two = getattr(alone, kind), getattr(together, kind)
        assert one.metrics() == two.metrics()
        np.testing.assert_array_equal(one.precision, two.precision)
        assert one.ytrue_ids.tolist() == two.ytrue_ids.tolist()
        assert one.ypred_ids.tolist() == two.ypred_ids.tolist()
    for suffix in ("", "_boxes"):
        documents = [saved_documents(dataset, name + suffix) for name in ("alone", "together")]
        assert documents[0] == documents[1]
        assert documents[0][0]["predictions"][0]


UNGUARDED = """
import fiftyone as fo
import fiftyone_ntt as ntt

print("started")  # once, although it has no main guard
found = ntt.evaluate(
    fo.load_dataset({name!r}), "predictions", "truth", iou="boxes", progress=False, workers=2
)
print("AP", found.box_map)
"""


def test_processes_do_not_run_the_user_s_script_again(labelled: fo.Dataset, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED.format(name=labelled.name))
    run = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": python_path(Path.cwd())},
    )
    assert run.returncode == 0, run.stderr
    found = ntt.evaluate(labelled, "predictions", "truth", iou="boxes", progress=False, workers=1)
    assert run.stdout.split() == ["started", "AP", str(found.box_map)]


KILLED = """
import os, signal
import fiftyone as fo
import psutil
import fiftyone_ntt as ntt

def die(done, total):
    children = psutil.Process().children(recursive=True)
    print(*(child.pid for child in children), file=open({path!r}, "w"), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

dataset = fo.load_dataset({name!r})
ntt.evaluate(dataset, "predictions", "truth", iou="masks", progress=die, workers=2)
"""


def test_processes_end_with_the_one_that_started_them(dataset: fo.Dataset, tmp_path: Path) -> None:
    for seed in range(4):  # more images than one piece of work
        add_random(dataset, images=10, seed=seed)
    noted = tmp_path / "workers"
    run = subprocess.run(
        [sys.executable, "-c", KILLED.format(name=dataset.name, path=str(noted))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        env={**os.environ, "PYTHONPATH": python_path(Path.cwd())},
    )
    assert run.returncode == -signal.SIGKILL
    workers = [int(pid) for pid in noted.read_text().split()]
    assert len(workers) >= 2
    deadline = time.monotonic() + 20
    while any(map(psutil.pid_exists, workers)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not any(map(psutil.pid_exists, workers))


def test_a_process_s_error_is_the_user_s(labelled: fo.Dataset) -> None:
    labelled.set_field("metadata", None).save()
    with pytest.raises(InputError, match=r"/nowhere/0.png cannot be read: there is no such file"):
        ntt.evaluate(labelled, "predictions", "truth", progress=False, workers=2)
    with pytest.raises(InputError, match="workers is 0"):
        ntt.evaluate(labelled, "predictions", "truth", progress=False, workers=0)


def test_more_than_a_hundred_predictions_and_masks_on_disk(
    dataset: fo.Dataset, tmp_path: Path
) -> None:
    add_random(dataset, images=1)
    sample = dataset.first()
    many = [found.copy() for found in sample.predictions.detections * 30]
    for index, found in enumerate(many):
        found.label, found.confidence = "a", 0.5 + index / 1000
    for index, found in enumerate(many[:5]):
        found.export_mask(str(tmp_path / f"{index}.png"), update=True)
    sample.predictions.detections = many
    sample.save()
    found = ntt.evaluate(dataset, "predictions", "truth", eval_key="e", progress=False)
    for kind in ("masks", "boxes"):
        expected = by_pycocotools(dataset, tmp_path, kind)
        metrics = getattr(found, kind).metrics()
        for name, value in expected.items():
            assert metrics.get(name, -1) == pytest.approx(value, abs=1e-9)
    verdicts = dataset.select(sample.id).values("predictions.detections.e", unwind=True)
    assert len(many) > 100 and verdicts.count(None) >= len(many) - 100
    others = dataset.select(sample.id).values("predictions.detections.e_id", unwind=True)
    assert None not in others  # those beyond the limit have no match, and say so


def test_without_the_sweep_only_matches(labelled: fo.Dataset) -> None:
    swept = ntt.evaluate(labelled, "predictions", "truth", iou="masks", progress=False).masks
    plain = ntt.evaluate(
        labelled, "predictions", "truth", iou="masks", compute_mAP=False, progress=False
    ).masks
    assert "AP" in swept.metrics() and "AP" not in plain.metrics()
    assert plain.ytrue.tolist() == swept.ytrue.tolist()
    assert plain.ious.tolist() == swept.ious.tolist()


def test_classes_limit_the_figures(labelled: fo.Dataset) -> None:
    every = ntt.evaluate(labelled, "predictions", "truth", iou="boxes", progress=False)
    one = ntt.evaluate(labelled, "predictions", "truth", iou="boxes", classes=["b"], progress=False)
    assert one.box_map == pytest.approx(every.average_precision("boxes", label="b"))
    assert one.boxes.metrics()["AP"] == pytest.approx(one.box_map)


def test_perfect_predictions_are_perfect_and_empty_ones_are_not(dataset: fo.Dataset) -> None:
    add_random(dataset)
    dataset.clone_sample_field("truth", "same")
    dataset.set_field("same.detections.confidence", 0.5).save()
    found = ntt.evaluate(dataset, "same", "truth", progress=False)
    assert found.mask_map == found.box_map == 1  # crowds found or not
    dataset.add_sample_field("none", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    assert ntt.evaluate(dataset, "none", "truth", progress=False).mask_map == 0


def test_what_cannot_be_evaluated(labelled: fo.Dataset) -> None:
    with (
        unchecked(),
        pytest.raises(InputError, match=r"method is 'coco'. Pass 'pycocotools' or 'fiftyone'"),
    ):
        ntt.evaluate(labelled, "predictions", "truth", method="coco")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"Leave out `classwise=False`"):
        PycocotoolsEvaluationConfig("predictions", "truth", iou=0.5, classwise=False)
    labelled.set_field("metadata", None).save()
    with pytest.raises(InputError, match=r"/nowhere/0.png cannot be read: there is no such file"):
        ntt.evaluate(labelled, "predictions", "truth", progress=False)


@pytest.mark.parametrize("compute_mAP", [True, False])
def test_objects_without_a_class(labelled: fo.Dataset, compute_mAP: bool) -> None:
    for sample in labelled.iter_samples(autosave=True, progress=False):
        for field in (sample.truth, sample.predictions):
            if field is not None:
                field.detections[0].label = None
    found = ntt.evaluate(
        labelled, "predictions", "truth", iou="boxes", compute_mAP=compute_mAP, progress=False
    )
    assert found.classes == ["a", "b", "c"]
    assert found.boxes.metrics()["support"] > 0


@pytest.mark.parametrize("field", ["truth", "predictions"])
def test_a_class_that_is_no_text_is_named_in_an_evaluation(
    labelled: fo.Dataset, field: str, unchecked: None
) -> None:
    sample = labelled.first()
    labelled._sample_collection.update_one(
        {"_id": sample._id}, {"$set": {f"{field}.detections.0.label": 7}}
    )
    with pytest.raises(InputError, match=f"{sample[field].detections[0].id} has the class 7"):
        ntt.evaluate(labelled, "predictions", "truth", progress=False)
