"""Thumbnails of references: what they show, and that they are made once."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.banks.thumbnail_drawing import SIDE
from fiftyone_ntt.dataset.banks.thumbnails import Thumbnail
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import BACKGROUND, COLOURS, add_scenes

MODELS = colour_models()


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 4)
    ntt.build_memory_bank(dataset[:3], "ground_truth", models=MODELS, name="all")
    return dataset


def pixels(thumbnail: Thumbnail) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(thumbnail.jpeg))).astype(int)


def test_each_shows_its_reference_outlined(scenes: fo.Dataset) -> None:
    made = ntt.make_thumbnails(scenes, "all")
    assert set(made) == set(ntt.load_memory_bank(scenes, "all").references.ids)
    for sample in scenes[:3]:
        for label in sample.ground_truth.detections:
            found = made[label.id]
            assert (found.sample_id, found.field) == (sample.id, "ground_truth")
            shown = pixels(found)
            assert shown.shape == (SIDE, SIDE, 3)
            centre = shown[SIDE // 2, SIDE // 2]
            assert np.abs(centre - COLOURS[label.label]).max() < 30
            yellow = (np.abs(shown - (255, 220, 0)).max(axis=2) < 90).sum()
            assert yellow > SIDE


def test_they_stay_with_what_was_encoded(
    scenes: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ntt.load_thumbnails(scenes, "all") == {}
    made = ntt.make_thumbnails(scenes, "all")
    (first, *others) = made
    ntt.save_memory_bank(scenes, ntt.load_memory_bank(scenes, "all"), overwrite=True)
    ntt.remove_references(scenes, "all", [first])
    assert ntt.load_thumbnails(scenes, "all") == {name: made[name] for name in others}
    assert ntt.load_thumbnails(scenes, "all", others[:2]).keys() == set(others[:2])
    # A label that was redrawn, and encoded again, has another.
    sample = scenes.first()
    label = next(label for label in sample.ground_truth.detections if label.id in others)
    label.mask[: len(label.mask) // 2] = False
    label.mask = label.mask.copy()
    sample.save()
    ntt.build_memory_bank(
        scenes[:3], "ground_truth", models=colour_models(), name="all", overwrite=True
    )
    known = ntt.load_thumbnails(scenes, "all")
    assert label.id not in known
    assert ntt.make_thumbnails(scenes, "all")[label.id] != made[label.id]


def test_no_image_is_read_for_those_that_are_kept(scenes: fo.Dataset) -> None:
    made = ntt.make_thumbnails(scenes, "all")
    for path in scenes.values("filepath"):
        Path(path).unlink()
    assert ntt.load_thumbnails(scenes, "all") == ntt.make_thumbnails(scenes, "all") == made


def test_another_process_finds_them(scenes: fo.Dataset) -> None:
    made = ntt.make_thumbnails(scenes, "all")
    script = (
        "import sys, fiftyone as fo, fiftyone_ntt as ntt;"
        "print(len(ntt.load_thumbnails(fo.load_dataset(sys.argv[1]), 'all')))"
    )
    command = [sys.executable, "-c", script, scenes.name]
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    assert found.stdout.split()[-1] == str(len(made))


def test_some_alone_are_made(scenes: fo.Dataset) -> None:
    first, *_ = ntt.load_memory_bank(scenes, "all").references.ids
    assert list(ntt.make_thumbnails(scenes, "all", ids=[first])) == [first]
    assert list(ntt.load_thumbnails(scenes, "all")) == [first]


def test_one_in_large(scenes: fo.Dataset) -> None:
    label = scenes.first().ground_truth.detections[0]
    found = ntt.reference_picture(scenes, "all", label.id, side=300)
    assert pixels(found).shape == (300, 300, 3)
    assert np.abs(pixels(found)[150, 150] - COLOURS[label.label]).max() < 30
    with pytest.raises(InputError, match="has no reference 'gone'"):
        ntt.reference_picture(scenes, "all", "gone")
    scenes.delete_samples(scenes.first())
    assert ntt.reference_picture(scenes, "all", label.id) is None


def test_what_is_gone_has_none(scenes: fo.Dataset) -> None:
    first, second = scenes.first(), scenes.skip(1).first()
    gone = first.ground_truth.detections.pop().id
    first.save()
    Path(second.filepath).write_bytes(b"no image")
    made = ntt.make_thumbnails(scenes, "all")
    lost = {gone, *(label.id for label in second.ground_truth.detections)}
    assert len(made) == 5
    assert not lost & set(made)
    known = ntt.load_thumbnails(scenes, "all")
    assert {name for name, found in known.items() if found is None} == lost


def test_boxes_and_polylines(dataset: fo.Dataset, tmp_path: Path) -> None:
    image = np.full((60, 80, 3), BACKGROUND, np.uint8)
    image[10:30, 20:60] = COLOURS["red"]
    Image.fromarray(image).save(tmp_path / "a.png")
    box = [20 / 80, 10 / 60, 40 / 80, 20 / 60]
    corners = [(0.25, 1 / 6), (0.75, 1 / 6), (0.75, 0.5), (0.25, 0.5)]
    dataset.add_sample(
        fo.Sample(
            tmp_path / "a.png",
            boxes=fo.Detections(detections=[fo.Detection(label="a", bounding_box=box)]),
            lines=fo.Polylines(polylines=[fo.Polyline(label="a", points=[corners], closed=True)]),
        )
    )
    for field in ("boxes", "lines"):
        ntt.build_memory_bank(dataset, field, models=MODELS, name=field)
        (found,) = ntt.make_thumbnails(dataset, field).values()
        assert found.field == field
        assert np.abs(pixels(found)[SIDE // 2, SIDE // 2] - COLOURS["red"]).max() < 30


def test_negatives_are_drawn_where_they_were_labelled(scenes: fo.Dataset) -> None:
    last = scenes.last()
    last.ground_truth.detections[0].tags.append("negative")
    last.save()
    wrong = last.ground_truth.detections[0]
    bank = ntt.add_tagged_negatives(scenes, "all", "ground_truth", models=MODELS)
    ntt.save_memory_bank(scenes, bank, overwrite=True)
    (name,) = bank.negatives.ids
    found = ntt.make_thumbnails(scenes, "all")[name]
    assert (found.label_id, found.sample_id) == (wrong.id, last.id)
    assert np.abs(pixels(found)[SIDE // 2, SIDE // 2] - COLOURS[wrong.label]).max() < 30
    (shown,) = ntt.review_memory_bank(scenes, "all").negatives
    assert (shown.id, shown.origin, shown.source) == (name, "tagged", wrong.id)


def test_an_unknown_bank(dataset: fo.Dataset) -> None:
    for function in (ntt.make_thumbnails, ntt.load_thumbnails):
        with pytest.raises(InputError, match="no memory bank 'gone'"):
            function(dataset, "gone")
