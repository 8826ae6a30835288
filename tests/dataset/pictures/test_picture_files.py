"""The memory visualisation as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

import fiftyone_ntt as ntt
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.errors import InputError, StoreError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import COLOURS, add_scenes


@pytest.fixture
def bank(dataset: fo.Dataset, tmp_path: Path) -> MemoryBank:
    add_scenes(dataset, tmp_path, 2)
    return ntt.build_memory_bank(dataset, "ground_truth", models=colour_models(), name="colours")


def save(dataset: fo.Dataset, bank: MemoryBank, folder: Path, **options: Any) -> Any:
    return ntt.save_memory_pictures(dataset, bank, folder, models=colour_models(), **options)


def test_a_picture_of_each_reference(dataset: Any, bank: Any, tmp_path: Path) -> None:
    report = save(dataset, bank, tmp_path / "pictures")
    assert (report.drawn, report.skipped, report.failures) == (6, 0, {})
    paths = sorted((tmp_path / "pictures").iterdir())
    classes = [bank.classes[index] for index in bank.references.classes]
    named = sorted(f"{c}_{i}.png" for c, i in zip(classes, bank.references.ids, strict=True))
    assert [path.name for path in paths] == named
    for path in paths:
        picture = np.asarray(Image.open(path))
        width = (picture.shape[1] - 3 * 8) // 4
        window, mask, rgb, clusters = (
            picture[:, start : start + width] for start in range(0, 4 * (width + 8), width + 8)
        )
        inside = mask.all(axis=2)
        assert set(np.unique(mask)) == {0, 255} and 0.2 < inside.mean() < 1
        colour = COLOURS[path.name.partition("_")[0]]
        assert np.abs(np.median(window[inside], axis=0) - colour).max() <= 2
        for part in (rgb, clusters):
            assert not part[~inside].any()
            assert part[inside].any(axis=1).mean() > 0.9


def test_what_is_there_is_kept(dataset: Any, bank: Any, tmp_path: Path) -> None:
    save(dataset, bank, tmp_path / "p")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "p").iterdir()}
    report = save(dataset, "colours", tmp_path / "p")
    assert (report.drawn, report.skipped) == (0, 6)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "p").iterdir()} == before
    one = next(iter(before))
    one.unlink()
    report = save(dataset, bank, tmp_path / "p")
    assert (report.drawn, report.skipped) == (2, 4)  # all of its class, for the colours' sake
    one.write_bytes(b"another's")
    with pytest.raises(StoreError, match=r"is no picture of a reference that fiftyone-ntt wrote"):
        save(dataset, bank, tmp_path / "p")
    assert one.read_bytes() == b"another's"


def test_another_bank_s_pictures_are_replaced(dataset: Any, bank: Any, tmp_path: Path) -> None:
    save(dataset, bank, tmp_path / "p")
    red = ntt.build_memory_bank(dataset[:1], "ground_truth", models=colour_models())
    assert save(dataset, red, tmp_path / "p").drawn == 3


def test_failures_are_reported(dataset: Any, bank: Any, tmp_path: Path) -> None:
    Path(dataset.first().filepath).unlink()
    report = save(dataset, bank, tmp_path / "p")
    assert report.drawn == 3 and len(report.failures) == 3
    assert len(list((tmp_path / "p").iterdir())) == 3


def test_class_names_make_file_names(dataset: Any, tmp_path: Path) -> None:
    add_scenes(dataset, tmp_path, 1)
    dataset.map_labels("ground_truth", {"red": "cup/mug ü"}).save()
    bank = ntt.build_memory_bank(
        dataset, "ground_truth", models=colour_models(), classes=["cup/mug ü"]
    )
    save(dataset, bank, tmp_path / "p")
    (path,) = (tmp_path / "p").iterdir()
    assert path.name.startswith("cup_mug_ü_")


@pytest.mark.parametrize("title", ["x" * 300, "ü" * 200])
def test_long_class_names_make_file_names(dataset: Any, tmp_path: Path, title: str) -> None:
    add_scenes(dataset, tmp_path, 2)
    dataset.map_labels("ground_truth", {"red": title}).save()
    bank = ntt.build_memory_bank(dataset, "ground_truth", models=colour_models(), classes=[title])
    assert save(dataset, bank, tmp_path / "p").drawn == 2
    assert save(dataset, bank, tmp_path / "p").skipped == 2
    names = sorted(path.name for path in (tmp_path / "p").iterdir())
    assert all(name.startswith(title[:70]) for name in names)
    assert [name.rpartition("_")[2] for name in names] == sorted(
        f"{key}.png" for key in bank.references.ids
    )


def test_a_file_in_the_way(dataset: Any, bank: Any, tmp_path: Path) -> None:
    (tmp_path / "p").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        save(dataset, bank, tmp_path / "p")
    with pytest.raises(StoreError, match=r"there is no folder .*typo"):
        save(dataset, bank, tmp_path / "typo" / "p")
