"""Variants on a labelled dataset: the shots curve's figures, kept in a folder, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError, StoreError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

OPTIONS: dict[str, Any] = {
    "models": colour_models(),
    "points_per_side": 8,
    "progress": False,
    "shots": (1, 2),
    "seeds": (0,),
    "min_size": 1,
    "border": 0,
}


@pytest.fixture
def views(dataset: fo.Dataset, tmp_path: Path) -> tuple[Any, Any]:
    add_scenes(dataset, tmp_path, 7)
    return dataset[:4], dataset[4:]


def test_figures_are_the_shots_curve_s_and_stay_in_a_folder(views: Any, tmp_path: Path) -> None:
    kept = {"store": tmp_path / "s", "output": tmp_path / "out", "variants": ["best"]}
    advice = ntt.ablate(*views, "ground_truth", **kept, **OPTIONS)
    name = views[0]._dataset.name
    for mode in ("paper", "best"):
        curve = ntt.shots_curve(*views, "ground_truth", mode=mode, store=tmp_path / "s", **OPTIONS)
        found = {cell.shots: cell.ap for cell in advice.ablation.of(name, mode)}
        assert found[1] > 0
        assert found == pytest.approx(
            {shots: curve.mean(shots, "masks", "AP") for shots in (1, 2)}, abs=1e-9
        )
    assert (advice.mode, advice.crops) == ("paper", 0)
    assert "too few images to tell: 3 targets" in str(advice)
    assert views[0]._dataset.list_runs() == []

    seen: list[tuple[int, int]] = []
    more = OPTIONS | {"seeds": (0, 1), "progress": lambda *step: seen.append(step)}
    again = ntt.ablate(*views, "ground_truth", **kept, **more)
    assert again.ablation.cells[:4] == advice.ablation.cells
    assert len(again.ablation.cells) == 8
    assert seen[-1] == (9, 15)  # of proposals and two draws; the other two were done

    sample = views[1].first()
    sample.ground_truth.detections[0].label = "violet"
    sample.save()
    with pytest.raises(StoreError, match="holds another ablation"):
        ntt.ablate(*views, "ground_truth", **kept, **OPTIONS)


def test_what_cannot_be_tried_is_said(views: Any) -> None:
    with pytest.raises(InputError, match="no variant 'worst'"):
        ntt.ablate(*views, "ground_truth", variants=["worst"], **OPTIONS)
    with pytest.raises(InputError, match="variants are tried on stored proposals"):
        ntt.ablate(*views, "ground_truth", store=False, **OPTIONS)
    with pytest.raises(InputError, match="both candidates and targets"):
        ntt.ablate(views[0], views[0], "ground_truth", variants=["best"], **OPTIONS)
    detection = views[1].last().ground_truth.detections[0]
    sample = views[1].last()
    sample["ground_truth"].detections[0] = fo.Detection(
        label=detection.label, bounding_box=detection.bounding_box
    )
    sample.save()
    with pytest.raises(InputError, match=r"is a box without a mask.*boxes_to_masks"):
        ntt.ablate(*views, "ground_truth", variants=["best"], **OPTIONS)
