"""The benchmarks of evaluation compare like with like."""

from __future__ import annotations

import timeit
from collections.abc import Callable
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
    expected = evaluation.by_library(tmp_path, kind)
    found = evaluation.by_fiftyone_ntt(dataset.name, kind, "e", workers=1)
    assert 0 < expected["AP"] < 1
    for other in (found, evaluation.by_results(tmp_path, kind)):
        assert other == pytest.approx(expected, abs=1e-9)
    key = "e" if kind == "masks" else "e_boxes"
    assert made.count(f"predictions.detections.{key}_id") == 72


@pytest.mark.timed
def test_a_library_scores_and_the_checks_take_little(dataset: fo.Dataset, tmp_path: Path) -> None:
    arguments = evaluation.parser().parse_args(["--images", "40"])
    dataset.delete()
    evaluation.generate(arguments, tmp_path, dataset.name)

    def seconds(score: Callable[..., dict[str, float]], *rest: str) -> float:
        score(tmp_path, "masks", *rest)
        return min(timeit.repeat(lambda: score(tmp_path, "masks", *rest), number=1, repeat=2))

    slowest = seconds(evaluation.by_library)
    assert seconds(evaluation.by_library, "hotcoco") < 0.15 * slowest
    assert seconds(evaluation.by_results) < 0.5 * slowest


@pytest.mark.slow
@pytest.mark.parametrize("case", evaluation_bias.CASES, ids=lambda case: case.name)
def test_the_bias_is_fiftyone_s(case: evaluation_bias.Case) -> None:
    found = evaluation_bias.compare(case, images=8)
    assert found["fiftyone-ntt"] == pytest.approx(found["pycocotools"], abs=1e-9)
    bias = abs(found["FiftyOne"]["masks"] - found["pycocotools"]["masks"])
    assert bias < 1e-3 if case == evaluation_bias.CASES[0] else bias > 1e-3
