"""Each protocol end to end on a miniature of its data, with the demo models."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fiftyone_ntt.cli import main
from fiftyone_ntt.protocols.draws import Draw
from fiftyone_ntt.protocols.record import Benchmark, load_benchmark
from tests.protocols import miniature

pytestmark = pytest.mark.slow


def run(protocol: str, data: Path, output: Path, *more: str) -> Benchmark:
    command = ["benchmark", protocol, "--data", str(data), "--output", str(output)]
    models = ["--models", "demo", "--points-per-side", "8", "--keep-results"]
    assert main([*command, *models, *more]) == 0
    return load_benchmark(output)


def pycocotools(folder: Path, kind: str, limit: int = 100) -> dict[str, Any]:
    """AP, AP50, AP75 of a draw's results, by pycocotools alone; and its precision by class."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder.parents[1] / "targets.json"))
        for row in truth.dataset["annotations"]:
            row.setdefault("area", row["bbox"][2] * row["bbox"][3])
        rows = json.loads((folder / "results.json").read_text())
        if limit == 300:  # of LVIS, where a category counts on an image only if looked for there
            known = {(row["image_id"], row["category_id"]) for row in truth.dataset["annotations"]}
            for image in truth.dataset["images"]:
                known |= {(image["id"], key) for key in image["neg_category_ids"]}
            rows = [row for row in rows if (row["image_id"], row["category_id"]) in known]
        for row in rows:
            del row["bbox" if kind == "masks" else "segmentation"]
        evaluation = COCOeval(truth, truth.loadRes(rows), "segm" if kind == "masks" else "bbox")
        evaluation.params.maxDets = [1, 10, limit]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]

    def mean(part: np.ndarray) -> float:
        return float(part[part > -1].mean())

    classes = {
        truth.cats[key]["name"]: mean(precision[:, :, index])
        for index, key in enumerate(evaluation.params.catIds)
        if precision[:, :, index].max() > -1
    }
    names = {"AP": precision, "AP50": precision[:1], "AP75": precision[5:6]}
    return {"classes": classes} | {f"{kind} {name}": mean(part) for name, part in names.items()}


def folder_of(output: Path, draw: Draw) -> Path:
    seed = "published" if draw.seed is None else f"seed-{draw.seed}"
    return output / draw.part / f"{draw.shots}-shot" / seed


def assert_scored_as_pycocotools_does(
    benchmark: Benchmark, output: Path, kinds: tuple[str, ...], limit: int = 100
) -> None:
    for draw in benchmark.draws:
        for kind in kinds:
            expected = pycocotools(folder_of(output, draw), kind, limit)
            classes = expected.pop("classes")
            found = {name: draw.metrics[name] for name in expected}
            assert found == pytest.approx(expected, abs=1e-9)
            shown = {name: figures[f"{kind} AP"] for name, figures in draw.classes.items()}
            assert shown == pytest.approx(classes, abs=1e-9)
        assert draw.detections > 0
    assert max(draw.metrics["boxes AP50"] for draw in benchmark.draws) > 0.05


def test_coco_fewshot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, output = miniature.coco_fewshot(tmp_path / "data"), tmp_path / "out"
    benchmark = run("coco-fewshot", data, output, "--shots", "1", "--seeds", "33", "34")
    assert [draw.key for draw in benchmark.draws] == [("all", 1, 33), ("all", 1, 34)]
    assert_scored_as_pycocotools_does(benchmark, output, ("boxes", "masks"))
    draw = benchmark.draws[0]
    assert len(draw.references) == 20 and set(draw.references.values()) == {1}
    assert "zebra" not in draw.references
    text = capsys.readouterr().out
    assert "1-shot, seed 33: boxes AP" in text
    row = next(line for line in text.splitlines() if line.startswith("1-shot  "))
    means = [np.mean([d.metrics[f"{k} AP"] for d in benchmark.draws]) for k in ("boxes", "masks")]
    assert row.split()[:2] == ["1-shot", "2"]
    assert row.split()[2] == f"{100 * means[0]:.1f}"
    assert row.count("24.5 ± 1.5") == row.count("22.9 ± 1.6") == 1
    assert "demo models know generated scenes alone" in text


def test_coco_20i(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, output = miniature.coco_20i(tmp_path / "data"), tmp_path / "out"
    options = ("--shots", "1", "--seeds", "33", "--fold", "1", "3")
    benchmark = run("coco-20i", data, output, *options, "--confidence-threshold", "0.4")
    assert [draw.part for draw in benchmark.draws] == ["1", "3"]
    assert list(benchmark.draws[0].references) == ["class 1", "class 5"]
    assert_scored_as_pycocotools_does(benchmark, output, ("masks",))
    for draw in benchmark.draws:
        assert draw.metrics["mIoU"] == pytest.approx(miou(folder_of(output, draw), 0.4))
    assert "Published COCO-20i figures are mostly of episodes" in capsys.readouterr().out


def miou(folder: Path, threshold: float) -> float:
    """Each class's masks drawn on a canvas of its own image, the most confident last."""
    truth = json.loads((folder.parents[1] / "targets.json").read_text())
    rows = json.loads((folder / "results.json").read_text())
    rows = sorted((r for r in rows if r["score"] >= threshold), key=lambda r: r["score"])
    canvases = []
    for part in (truth["annotations"], rows):
        canvas = {i["id"]: np.zeros((i["height"], i["width"]), int) for i in truth["images"]}
        for row in part:
            canvas[row["image_id"]][coco_mask.decode(row["segmentation"]) > 0] = row["category_id"]
        canvases.append(np.concatenate([canvas[i["id"]].ravel() for i in truth["images"]]))
    true, found = canvases
    ious = [
        ((true == key) & (found == key)).sum() / ((true == key) | (found == key)).sum()
        for key in np.unique(true[true > 0])
    ]
    return float(np.mean(ious))


def test_voc(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, output = miniature.voc(tmp_path / "data"), tmp_path / "out"
    options = ("--shots", "1", "--seeds", "33", "--split", "1")
    benchmark = run("voc", data, output, *options)
    (draw,) = benchmark.draws
    assert draw.references == {"bird": 1, "bus": 1, "cow": 1, "motorbike": 1, "sofa": 1}
    assert not any(name.startswith("masks") for name in draw.metrics)
    assert_scored_as_pycocotools_does(benchmark, output, ("boxes",))
    targets = json.loads((output / "1" / "targets.json").read_text())
    difficult = [row for row in targets["annotations"] if row["iscrowd"]]
    assert 0 < len(difficult) < len(targets["annotations"])
    text = capsys.readouterr().out
    assert "AP50 is COCO's" in text and "not run: 2, 3" in text


@pytest.mark.parametrize("exhaustive", [True, False])
def test_lvis(tmp_path: Path, exhaustive: bool, capsys: pytest.CaptureFixture[str]) -> None:
    data, output = miniature.lvis(tmp_path / "data", exhaustive=exhaustive), tmp_path / "out"
    benchmark = run("lvis", data, output, "--shots", "2", "--seeds", "33")
    (draw,) = benchmark.draws
    # A scene each: what a class has is repeated, and the last has only what does not qualify.
    assert set(draw.references.values()) == {2}
    assert set(draw.repeated.values()) == {1} and len(draw.repeated) == 5
    assert_scored_as_pycocotools_does(benchmark, output, ("boxes", "masks"), limit=300)
    assert {"boxes APr", "masks APf"} <= set(draw.metrics)
    assert "5 classes have too few references; those are repeated." in capsys.readouterr().out


def test_cd_fsod(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, output = miniature.cd_fsod(tmp_path / "data"), tmp_path / "out"
    sets = ("--set", "ArTaxOr", "DIOR", "--shots", "1", "2", "--seeds", "5", "6")
    benchmark = run("cd-fsod", data, output, *sets)
    assert [draw.key for draw in benchmark.draws] == [
        *(("ArTaxOr", 1, None), ("ArTaxOr", 2, 5), ("ArTaxOr", 2, 6)),
        *(("DIOR", 1, None), ("DIOR", 2, 5), ("DIOR", 2, 6)),
    ]
    assert_scored_as_pycocotools_does(benchmark, output, ("boxes",))
    text = capsys.readouterr().out
    assert "DIOR 1-shot, published references: boxes AP" in text
    assert Image.open(output / "shots.png").format == "PNG"
    assert [line.split()[0] for line in text.splitlines() if " 18.0" in line] == ["1-shot"]


def test_toy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data: Path = miniature.toy(tmp_path / "data")
    output = tmp_path / "out"
    benchmark = run("toy", data, output, "--sheets")
    (draw,) = benchmark.draws
    assert Image.open(folder_of(output, draw) / "references.png").size == (144, 2 * 168 - 8)
    assert Image.open(output / "classes.png").format == "PNG"
    assert not (output / "shots.png").exists()
    assert (draw.images, draw.references) == (10, {"bird": 1, "boat": 1})
    assert_scored_as_pycocotools_does(benchmark, output, ("boxes", "masks"))
    references = json.loads((folder_of(output, draw) / "references.json").read_text())
    assert [row["image_id"] for row in references["annotations"]] == [429819, 101435]
    text = capsys.readouterr().out
    assert "47.8" in text and "45.8" in text


_MINIATURES: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "toy": (miniature.toy, []),
    "voc": (miniature.voc, ["--shots", "1", "--seeds", "33", "--split", "1"]),
    "lvis": (miniature.lvis, ["--shots", "2", "--seeds", "33"]),
    "cd-fsod": (miniature.cd_fsod, ["--set", "DIOR", "--shots", "2", "--seeds", "5"]),
    "coco-20i": (miniature.coco_20i, ["--shots", "1", "--seeds", "33", "--fold", "1"]),
    "coco-fewshot": (miniature.coco_fewshot, ["--shots", "1", "3", "--seeds", "33", "34"]),
}


@pytest.mark.parametrize(
    "protocol", os.environ.get("FIFTYONE_NTT_PROTOCOLS", "toy").replace(",", " ").split()
)
def test_best_beside_paper(
    protocol: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With FIFTYONE_NTT_PROTOCOLS, of any; `pytest -s` shows the rows."""
    build, options = _MINIATURES[protocol]
    data, outputs = build(tmp_path / "data"), [tmp_path / mode for mode in ("paper", "best")]
    for output in outputs:
        run(protocol, data, output, *options, "--mode", output.name)
    capsys.readouterr()
    assert main(["benchmark", "compare", *map(str, outputs)]) == 0
    text = capsys.readouterr().out
    with capsys.disabled():
        print(f"\n{protocol}, miniature, demo models\n{text}")
    assert "mode: paper -> best" in text
    paper, best = (load_benchmark(output).draws for output in outputs)
    assert [draw.references for draw in paper] == [draw.references for draw in best]
    assert [draw.metrics for draw in paper] != [draw.metrics for draw in best]


@pytest.mark.parametrize(
    ("protocol", "build", "gone", "message"),
    [
        ("coco-fewshot", miniature.coco_fewshot, "val2017", "Download annotations_trainval2017"),
        ("toy", miniature.toy, "annotations/instances_train2017.json", "cocodataset.org"),
        ("voc", miniature.voc, "VOCdevkit/VOC2007/ImageSets/Main/test.txt", "VOCtest_06-Nov"),
        ("lvis", miniature.lvis, "lvis_v1_val.json", "www.lvisdataset.org"),
        ("cd-fsod", miniature.cd_fsod, "DIOR/annotations/test.json", "CDFSOD-benchmark"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path,
    protocol: str,
    build: Callable[[Path], Path],
    gone: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = build(tmp_path / "data")
    (data / gone).rename(tmp_path / "elsewhere")
    more = ["--set", "DIOR"] if protocol == "cd-fsod" else []
    command = ["benchmark", protocol, "--data", str(data), "--output", str(tmp_path / "out")]
    assert main([*command, *more, "--models", "demo"]) == 2
    error = capsys.readouterr().err
    assert "lacks files of" in error and f"\n  {gone}\n" in error
    assert message in error
    assert not (tmp_path / "out").exists()
