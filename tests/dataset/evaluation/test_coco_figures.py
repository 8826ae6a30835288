"""COCO's figures on FiftyOne's own evaluations, as a function and as an evaluation metric."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.plugin import PLUGIN_NAME
from fiftyone_ntt.plugin.install import install_plugin
from tests.dataset.evaluation.test_prediction_evaluation import add_random
from tests.dataset.evaluation.test_pycocotools_evaluation import by_pycocotools, rounded_confidences

METRIC = f"{PLUGIN_NAME}/coco_metrics"


@pytest.fixture
def labelled(dataset: fo.Dataset) -> fo.Dataset:
    add_random(dataset, seed=2)
    rounded_confidences(dataset)  # ties, which FiftyOne ranks otherwise
    return dataset


@pytest.mark.parametrize("kind", ["masks", "boxes"])
@pytest.mark.parametrize("compute_mAP", [True, False])
def test_the_metric_of_an_evaluation(
    labelled: fo.Dataset, tmp_path: Path, kind: str, compute_mAP: bool
) -> None:
    install_plugin()
    labelled.evaluate_detections(
        "predictions",
        "truth",
        eval_key="e",
        use_masks=kind == "masks",
        compute_mAP=compute_mAP,
        custom_metrics={METRIC: {"workers": 1}},
        progress=False,
    )
    expected = by_pycocotools(labelled, tmp_path, kind)
    results = labelled.load_evaluation_results("e", cache=False)
    metrics = results.metrics()
    for name, value in expected.items():
        assert metrics.get(name, -1) == pytest.approx(value, abs=1e-9)
    assert shown_by_the_panel(labelled, "e") == {k: metrics[k] for k in expected if k in metrics}
    if compute_mAP:
        assert results.mAP() != pytest.approx(expected["AP"], abs=1e-4)  # why the metric exists
    labelled.rename_evaluation("e", "f")
    labelled.delete_evaluation("f")


def shown_by_the_panel(dataset: fo.Dataset, key: str) -> dict[str, float]:
    from plugins.panels.model_evaluation import EvaluationPanel

    state = SimpleNamespace(get_state=lambda _: {"key": key})
    panel: Any = EvaluationPanel()
    panel.get_dataset = lambda ctx: ctx.dataset
    context = SimpleNamespace(dataset=dataset, params={"key": key}, panel=state)
    entries = panel.get_evaluation_data(context)["custom_metrics"].values()
    return {entry["label"]: entry["value"] for entry in entries}


def test_added_to_results_that_are_there(labelled: fo.Dataset, tmp_path: Path) -> None:
    results = labelled.evaluate_detections("predictions", "truth", eval_key="e", progress=False)
    assert "AP" not in results.metrics()
    found = ntt.add_coco_metrics(results, iou="masks", workers=1)
    expected = by_pycocotools(labelled, tmp_path, "masks")
    assert found == pytest.approx({k: v for k, v in expected.items() if v > -1}, abs=1e-9)
    results.save()
    loaded = labelled.load_evaluation_results("e", cache=False)
    assert loaded.metrics()["AP"] == found["AP"]


def test_of_the_evaluated_classes_and_samples(labelled: fo.Dataset) -> None:
    view = labelled[1:4]
    results = view.evaluate_detections("predictions", "truth", classes=["b"], progress=False)
    found = ntt.add_coco_metrics(results, workers=1)
    expected = ntt.evaluate(view, "predictions", "truth", iou="boxes", classes=["b"], workers=1)
    assert found["AP"] == pytest.approx(expected.box_map)


def test_what_has_no_such_figures(labelled: fo.Dataset, unchecked: None) -> None:
    with pytest.raises(InputError, match="results of `evaluate_detections`, but got NoneType"):
        ntt.add_coco_metrics(None)
    results = labelled.evaluate_detections("predictions", "truth", progress=False)
    with pytest.raises(InputError, match="iou is 'both'"):
        ntt.add_coco_metrics(results, iou="both")  # type: ignore[arg-type]
