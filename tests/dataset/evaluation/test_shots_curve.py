"""Shots curves: equal to the long way round, kept on the dataset, and continued."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.evaluation.bank_trial import BankTrial, labels_hash
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

OPTIONS: dict[str, Any] = {
    "models": colour_models(),
    "points_per_side": 8,
    "progress": False,
    "shots": (1, 2),
    "seeds": (0, 1),
    "min_size": 1,
    "border": 0,
}


@pytest.fixture
def views(dataset: fo.Dataset, tmp_path: Path) -> tuple[Any, Any]:
    add_scenes(dataset, tmp_path, 7)
    return dataset[:4], dataset[4:]


def test_equal_to_sampling_segmenting_and_evaluating(views: Any, tmp_path: Path) -> None:
    candidates, targets = views
    dataset = candidates._dataset
    curve = ntt.shots_curve(candidates, targets, "ground_truth", store=tmp_path / "s", **OPTIONS)
    assert (dataset.count_label_tags(), dataset.list_runs()) == ({}, [])
    assert curve.shots == [1, 2]
    for shots in (1, 2):
        found = curve.values("masks", "AP")[shots]
        for seed, value in zip((0, 1), found, strict=True):
            tag = f"r{shots}{seed}"
            sampling = {"shots": shots, "seed": seed, "tag": tag, "min_size": 1, "border": 0}
            ntt.sample_references(candidates, "ground_truth", **sampling)
            bank = ntt.build_memory_bank(
                candidates, "ground_truth", label_tags=tag, models=OPTIONS["models"]
            )
            field = f"found_{tag}"
            segmenting = {"points_per_side": 8, "store": tmp_path / "s"}
            ntt.segment(targets, bank, field, models=OPTIONS["models"], **segmenting)
            results = ntt.evaluate(targets, field, "ground_truth")
            assert value == pytest.approx(results.masks.metrics()["AP"], abs=1e-6)
            boxes = curve.values("boxes", "AP")[shots][seed]
            assert boxes == pytest.approx(results.boxes.metrics()["AP"], abs=1e-6)
            assert value > 0
    assert curve.mean(2, "masks", "AP") == pytest.approx(sum(found) / 2)
    assert list(curve.classes()) == ["blue", "green", "red"]
    assert set(curve.classes()["red"]) == {"masks AP", "boxes AP"}
    assert str(curve).splitlines()[0].split()[:3] == ["shots", "masks", "AP"]
    assert [line.split()[0] for line in str(curve).splitlines()[1:]] == ["1", "2"]
    for path in curve.save(tmp_path / "charts"):
        assert path.read_bytes().startswith(b"\x89PNG")


class Killed(Exception):
    """Stands for the death of the process."""


def test_a_killed_measurement_goes_on(views: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = views[0]._dataset
    whole = ntt.shots_curve(*views, "ground_truth", **OPTIONS)
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if len(seen) == 7:
            raise Killed

    with pytest.raises(Killed):
        ntt.shots_curve(*views, "ground_truth", name="curve", **OPTIONS | {"progress": progress})
    part = ntt.load_shots_curve(dataset, "curve")
    assert [(trial.shots, trial.seed) for trial in part.trials] == [(1, 0), (1, 1)]
    seen.clear()
    found = ntt.shots_curve(
        *views, "ground_truth", name="curve", **OPTIONS | {"progress": lambda *s: seen.append(s)}
    )
    assert seen == [(done, 6) for done in range(1, 7)]
    assert found == whole == ntt.load_shots_curve(dataset, "curve")
    assert ntt.list_shots_curves(dataset) == ["curve"]


def test_a_name_is_taken_by_other_labels(views: Any) -> None:
    candidates, targets = views
    few = OPTIONS | {"shots": (1,), "seeds": (0,)}
    first = ntt.shots_curve(candidates, targets, "ground_truth", name="curve", **few)
    sample = targets.first()
    sample.ground_truth.detections[0].label = "violet"
    sample.save()
    with pytest.raises(InputError, match=r"a curve of other labels.*overwrite=True"):
        ntt.shots_curve(candidates, targets, "ground_truth", name="curve", **few)
    second = ntt.shots_curve(
        candidates, targets, "ground_truth", name="curve", overwrite=True, **few
    )
    assert second != first
    assert ntt.load_shots_curve(targets, "curve") == second
    ntt.build_memory_bank(candidates, "ground_truth", name="bank", models=OPTIONS["models"])
    with pytest.raises(InputError, match=r"'bank' is the name of another run"):
        ntt.shots_curve(candidates, targets, "ground_truth", name="bank", overwrite=True, **few)


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_mask_redrawn_in_its_box_makes_other_labels(
    views: Any, tmp_path: Path, on_disk: bool
) -> None:
    def found() -> str:
        for part in views:
            part.reload()
        return labels_hash(*views, "ground_truth", [])

    sample = views[1].first()
    label = sample.ground_truth.detections[0]
    if on_disk:
        label.export_mask(str(tmp_path / "mask.png"), update=True)
        sample.save()
    before = found()
    assert found() == before
    box, drawn = label.bounding_box, label.get_mask().copy()
    drawn[0] = ~drawn[0].astype(bool)
    if on_disk:
        Image.fromarray(drawn.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    else:
        label.mask = drawn
        sample.save()
    assert label.bounding_box == box and found() != before


def test_a_class_that_no_target_shows_competes_without_a_score(views: Any) -> None:
    candidates, targets = views
    seen = targets.map_labels("ground_truth", {"red": "blue"})
    trial = BankTrial(
        candidates, seen, "ground_truth", OPTIONS["models"], points_per_side=8, min_size=1, border=0
    )
    assert list(trial.evaluate(trial.bank(1, 0)).class_masks) == ["blue", "green"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shots": ()}, r"shots are \[\]"),
        ({"shots": (0,)}, r"shots are \[0\]"),
        ({"seeds": ()}, r"seeds \[\]"),
        ({"name": "a-b"}, "cannot be the name of a curve"),
    ],
)
def test_refusals(views: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ntt.shots_curve(*views, "ground_truth", **OPTIONS | options)


def test_views_that_overlap_and_names_that_are_not_there(views: Any) -> None:
    candidates, targets = views
    with pytest.raises(InputError, match=r"4 images are both candidates and targets"):
        ntt.shots_curve(candidates, candidates._dataset, "ground_truth", **OPTIONS)
    with pytest.raises(InputError, match=r"no shots curve 'x'. It has: none"):
        ntt.load_shots_curve(targets, "x")
