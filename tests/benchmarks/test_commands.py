"""Every benchmark runs, prints its table and writes the same rows as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main


def run(command: str, tmp_path: Path, *options: str) -> list[dict[str, Any]]:
    output = tmp_path / "benchmarks.json"
    assert main([command, "--quick", "--output", str(output), *options]) == 0
    content = json.loads(output.read_text())
    assert content["machine"]["device"] == "cpu"
    return content["reports"]


def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (report,) = run("compare", tmp_path)
    rows = {row["stage"]: row for row in report["rows"]}
    whole = rows["all (s)"]
    stages = {"resize", "segmenter", "decode", "encoder", "pool", "match", "masks"}
    assert set(rows) == {*stages, "all (s)", "peak memory (MB)"}
    for side in ("naive", "float32"):
        assert 0 < sum(rows[stage][side] for stage in stages) <= whole[side]
    assert whole["naive / float32"] == pytest.approx(whole["naive"] / whole["float32"])
    assert "images/s" in report["notes"][1]
    assert report["title"] in capsys.readouterr().out


def test_scale(tmp_path: Path) -> None:
    sizes, classes, references = run("scale", tmp_path)
    assert [row["image"] for row in sizes["rows"]] == ["64 x 48", "128 x 96"]
    assert [row["classes"] for row in classes["rows"]] == [20, 1, 80, 1203]
    assert [row["references per class"] for row in references["rows"]] == [1, 10, 100]
    assert all(row["ms an image"] > 0 for row in classes["rows"] + references["rows"])


def test_relabel(tmp_path: Path) -> None:
    (report,) = run("relabel", tmp_path)
    assert [row["images"] for row in report["rows"]] == [2, 4]
    assert all(row["images/s"] > 0 < row["detections an image"] for row in report["rows"])


def test_modes(tmp_path: Path) -> None:
    whole, stored = run("modes", tmp_path)
    for report, unit in ((whole, "seconds an image"), (stored, "ms an image")):
        assert [row["mode"] for row in report["rows"]] == ["paper", "best"]
        assert all(row[unit] > 0 < row["ratio"] for row in report["rows"])


def test_workers(tmp_path: Path) -> None:
    (report,) = run("workers", tmp_path)
    [row] = report["rows"]
    assert (row["workers"], row["ratio"], row["same file"]) == (1, 1.0, True)
    assert row["seconds"] > row["of these until all began"] > 0 < row["then images a second"]


def test_references(tmp_path: Path) -> None:
    (report,) = run("references", tmp_path)
    assert [(row["shots"], row["mode"]) for row in report["rows"]] == [
        (1, "paper"),
        (1, "best"),
        (3, "paper"),
        (3, "best"),
    ]
    for row in report["rows"]:
        assert row["gain"] == pytest.approx(row["diverse"] - row["random"])


@pytest.mark.slow
def test_memory(tmp_path: Path) -> None:
    peaks, row = run("memory", tmp_path)
    assert [line["image"] for line in peaks["rows"]] == ["640 x 480", "4000 x 3000"]
    assert all(line["peak (MB)"] >= line["before (MB)"] > 50 for line in peaks["rows"])
    assert row["rows"][-1]["images done"] == 20


@pytest.mark.slow
@pytest.mark.usefixtures("dataset")  # the database that the measuring processes use
def test_labels(tmp_path: Path) -> None:
    """40 masks of a photo of 12 megapixels, all as pixels, take 480 MB; those of both 960."""
    (report,) = run("labels", tmp_path)
    imported, made = report["rows"]
    assert (imported["call"], made["call"]) == ("import_coco", "boxes_to_masks")
    assert imported["above (MB)"] < 150
    assert made["above (MB)"] < 400
    assert all(row["before (MB)"] > 100 and row["seconds"] > 0 for row in report["rows"])


@pytest.mark.slow
@pytest.mark.usefixtures("dataset")  # the database that the measuring processes use
def test_imports(tmp_path: Path) -> None:
    (report,) = run("imports", tmp_path, "--formats", "fiftyone", "coco")
    theirs, ours = report["rows"]
    assert (theirs["labels"], ours["labels"]) == ("fiftyone", "coco")
    assert all(row["images"] == 3 and row["images/s"] > 0 for row in report["rows"])


@pytest.mark.slow
def test_accuracy(tmp_path: Path) -> None:
    (report,) = run("accuracy", tmp_path, "--precision", "float32")
    assert [row["precision"] for row in report["rows"]] == ["float32"]
    assert 0 <= report["rows"][0]["mask AP"] <= 1


def test_writing(tmp_path: Path) -> None:
    (report,) = run("writing", tmp_path, "--detections", "5")
    (row,) = report["rows"]
    plainly, safely = row["plainly, ms an image"], row["safely, ms an image"]
    assert row["safely / plainly"] == pytest.approx(safely / plainly)
    assert row["detections an image"] == 5


def test_calibration(tmp_path: Path) -> None:
    (report,) = run("calibration", tmp_path, "--worlds", "look-alikes")
    rows = {(row["mode"], row["from"]): row for row in report["rows"]}
    assert len(rows) == len(report["rows"]) == 6
    for row in rows.values():
        assert 0 < row["error"] < 1 and 0 < row["raw error"] < 1
        assert row["halved"] == ("ok" if row["error"] <= row["raw error"] / 2 else "no")


def test_review(tmp_path: Path) -> None:
    (report,) = run("review", tmp_path)
    [row] = report["rows"]
    assert (row["world"], row["mode"], row["above two"]) == ("demo", "best", "no")
    assert all(0 < row[name] < 1 for name in ("before", "random", "queue", "labelled"))
    assert 0 < row["accepted"] <= 4 and row["gain"] == pytest.approx(row["queue"] - row["random"])
