"""The benchmarks of evaluation compare like with like."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import pytest

from benchmarks import evaluation, evaluation_bias


@pytest.mark.parametrize("kind", ["masks", "boxes"])
def test_both_tools_score_the_same_data(dataset: fo.Dataset, tmp_path: Path, kind: str) -> None:
    options = ["--images", "6", "--predictions", "12", "--classes", "4"]
    arguments = evaluation.parser().parse_args(options)
    dataset.delete()
    evaluation.generate(arguments, tmp_path, dataset.name)
    made = fo.load_dataset(dataset.name)
    assert (len(made), made.count("predictions.detections")) == (6, 72)
    expected = evaluation.by_pycocotools(tmp_path, kind)
    found = evaluation.by_fiftyone_ntt(dataset.name, kind, "e", workers=1)
    assert 0 < expected["AP"] < 1
    assert found == pytest.approx(expected, abs=1e-9)
    key = "e" if kind == "masks" else "e_boxes"
    assert made.count(f"predictions.detections.{key}_id") == 72


@pytest.mark.slow
@pytest.mark.parametrize("case", evaluation_bias.CASES, ids=lambda case: case.name)
def test_the_bias_is_fiftyone_s(case: evaluation_bias.Case) -> None:
    found = evaluation_bias.compare(case, images=8)
    assert found["fiftyone-ntt"] == pytest.approx(found["pycocotools"], abs=1e-9)
    bias = abs(found["FiftyOne"]["masks"] - found["pycocotools"]["masks"])
    assert bias < 1e-3 if case == evaluation_bias.CASES[0] else bias > 1e-3
