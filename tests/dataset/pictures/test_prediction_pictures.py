"""Predictions of a dataset as pictures: from the labels alone, no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

import fiftyone_ntt as ntt
from tests.core.toy_models import scene
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes


@pytest.fixture
def labelled(dataset: Any, tmp_path: Path) -> Any:
    """Three images in two folders: a mask found twice, a polyline as truth, nothing on the last."""
    samples = []
    for index, name in enumerate(("a/1.png", "b/2.png", "b/3.png")):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene(index)).save(path)
        sample = fo.Sample(filepath=str(path))
        if index < 2:
            mask = np.zeros((40, 60), bool)
            mask[10:20, 5:25] = True
            square = [[(0.1, 0.1), (0.5, 0.1), (0.5, 0.5)]]
            sample["truth"] = fo.Polylines(
                polylines=[fo.Polyline(label="boat", points=square, closed=True, filled=True)]
            )
            found = [
                fo.Detection.from_mask(mask, label=label, confidence=score)
                for label, score in (("bird", 0.3), ("boat", 0.7))
            ]
            sample["found"] = fo.Detections(detections=found)
        samples.append(sample)
    dataset.add_samples(samples, progress=False)
    return dataset


def save(labelled: Any, folder: Path, *fields: Any, **options: Any) -> Any:
    return ntt.save_prediction_pictures(
        labelled, *(fields or ("found", "truth")), folder, progress=False, **options
    )


def test_pictures_and_their_page(labelled: Any, tmp_path: Path) -> None:
    report = save(labelled, tmp_path / "out")
    assert (report.images, report.drawn, report.kept, report.failures) == (3, 3, 0, {})
    page = report.page.read_text()
    assert page.count("<figure") == 3 and "2 predictions of at least 0.4" in page
    assert page.index('data-title="a/1.png"') < page.index('data-title="b/3.png"')
    with Image.open(next((tmp_path / "out").glob("b_2*.png"))) as picture:
        assert picture.size == (2 * 480 + 8, 320 + 42)
    before = page, {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.png")}
    again = save(labelled, tmp_path / "out")
    assert (again.drawn, again.kept) == (0, 3)
    assert "3 already there" in str(again)
    assert (again.page.read_text(), {path: path.read_bytes() for path in before[1]}) == before


def test_thresholds_each_so_manyth_and_no_truth(labelled: Any, tmp_path: Path) -> None:
    report = save(labelled, tmp_path / "out", "found", None, threshold=0.0, every=2)
    page = report.page.read_text()
    assert (report.images, page.count("<figure")) == (2, 2)
    assert "2 predictions of at least 0 " in page and "ground truth" not in page


def test_images_that_cannot_be_drawn_are_told(labelled: Any, tmp_path: Path) -> None:
    path = labelled.first().filepath
    Path(path).unlink()
    report = save(labelled, tmp_path / "out")
    assert list(report.failures) == [path] and report.drawn == 2
    assert "1 failed" in str(report) and "1.png" in str(report)


def test_what_does_not_fit_is_refused(labelled: Any, tmp_path: Path) -> None:
    with pytest.raises(ntt.NttError, match="there is no field 'nothing'"):
        save(labelled, tmp_path / "out", "nothing", None)
    with pytest.raises(ntt.NttError, match=r"no folder .*typo"):
        save(labelled, tmp_path / "typo" / "out")
    with pytest.raises(ntt.NttError, match="threshold of the pictures is 7"):
        save(labelled, tmp_path / "out", threshold=7)
    assert not (tmp_path / "out").exists()


def test_without_a_threshold_the_mode_of_the_field_s_last_run_has_one(
    dataset: Any, tmp_path: Path
) -> None:
    add_scenes(dataset, tmp_path, 2)
    options: dict[str, Any] = {"models": colour_models(), "points_per_side": 8, "progress": False}
    bank = ntt.build_memory_bank(dataset, "ground_truth", models=options["models"])
    for mode, stated in (("paper", "0.4"), ("best", "0.25")):
        ntt.segment(dataset, bank, mode, mode=mode, store=False, **options)
        pictures = save(dataset, tmp_path / mode, mode, None)
        assert f"predictions of at least {stated}" in pictures.page.read_text()
