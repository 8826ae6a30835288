"""What is done with Polylines comes out as with Detections of the same shapes."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.labels.masks import label_mask
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.labels.pixelless import DETECTIONS, POLYLINES
from tests.dataset.scenes import add_scenes

SIZE = (96, 128)
MODELS = colour_models()


def outline(detection: fo.Detection, **more: object) -> fo.Polyline:
    """The rectangle around a detection, in the way of FiftyOne's COCO importer."""
    x, y, w, h = detection.bounding_box
    corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    return fo.Polyline(label=detection.label, points=[corners], filled=True, **more)


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """Rectangles, in `ground_truth` as Detections with masks and in `drawn` as Polylines."""
    add_scenes(dataset, tmp_path, 4)
    for sample in dataset.iter_samples(autosave=True):
        drawn = [outline(label, colour="bright") for label in sample.ground_truth.detections]
        sample["drawn"] = fo.Polylines(polylines=drawn)
    return dataset


def chosen(scenes: fo.Dataset, field: str, part: str, tag: str) -> list[tuple[str, str]]:
    columns = scenes.select_labels(tags=tag, fields=field).values(
        ["filepath", f"{field}.{part}.label"]
    )
    return [(path, name) for path, names in zip(*columns, strict=True) for name in names or ()]


def test_the_same_references_are_chosen(scenes):
    options = {"shots": 2, "seed": 5, "min_size": 16.0, "border": 2.0}
    counts = [
        ntt.sample_references(scenes, field, tag=field, **options).counts
        for field in ("ground_truth", "drawn")
    ]
    assert counts[0] == counts[1] and sum(counts[0].values()) == 6
    assert chosen(scenes, "drawn", "polylines", "drawn") == chosen(
        scenes, "ground_truth", "detections", "ground_truth"
    )


def test_lines_and_what_lies_nowhere_are_not_chosen(scenes):
    expected = ntt.sample_references(scenes, "drawn", shots=9, min_size=16, border=2, tag="a")
    sample = scenes.first()
    line = fo.Polyline(label="red", points=[[(0.2, 0.2), (0.8, 0.2), (0.8, 0.8)]])
    unusable = [POLYLINES[name](label="red") for name in ("no points", "a point of NaN")]
    sample.drawn.polylines += [line, *unusable]
    sample.ground_truth.detections += [
        DETECTIONS[name](label="red") for name in ("no box", "a box of NaN")
    ]
    sample.save()
    again = ntt.sample_references(scenes, "drawn", shots=9, min_size=16, border=2, tag="b")
    assert again.label_ids == expected.label_ids
    found = ntt.sample_references(scenes, "ground_truth", shots=9, min_size=16, border=2, tag="c")
    assert found.counts == expected.counts


def test_the_same_banks_and_negatives(scenes):
    made = []
    for field in ("ground_truth", "drawn"):
        labelled = scenes[:2]
        labelled.limit_labels(field, 1).tag_labels("negative", field)
        bank = ntt.build_memory_bank(labelled, field, models=MODELS)
        bank = ntt.add_tagged_negatives(labelled, bank, field, models=MODELS)
        bank = ntt.add_background_negatives(labelled, bank, field, models=MODELS)
        bank = ntt.mine_negatives(scenes, bank, field, models=MODELS, progress=False)
        made.append(bank)
    masks, outlines = made
    assert outlines.negative_origins == masks.negative_origins
    assert {"tagged", "background"} <= set(outlines.negative_origins)
    np.testing.assert_array_equal(outlines.prototypes, masks.prototypes)
    np.testing.assert_array_equal(outlines.negatives.prototypes, masks.negatives.prototypes)


def test_their_boxes_are_prompts(scenes):
    report = ntt.boxes_to_masks(scenes, "drawn", "masks", models=MODELS)
    assert (report.written, report.detections, report.failures) == (4, 12, {})
    for sample in scenes:
        pairs = zip(sample.drawn.polylines, sample.masks.detections, strict=True)
        for label, made in pairs:
            assert isinstance(made, fo.Detection)
            assert (made.label, made.colour, made.box_id) == (label.label, "bright", label.id)
            found, true = label_mask(made, SIZE), label_mask(label, SIZE)
            assert (found & true).sum() / (found | true).sum() > 0.8
    again = ntt.boxes_to_masks(scenes, "drawn", "masks", models=MODELS)
    assert again.written == 0


def test_a_box_with_a_mask_without_pixels_gets_a_mask(scenes):
    scenes.clone_sample_field("ground_truth", "boxes")
    sample = scenes.first()
    label = sample.boxes.detections[0]
    label.mask = np.zeros((0, 0), dtype=bool)
    sample.save()
    ntt.boxes_to_masks(scenes[:1], "boxes", "masks", models=MODELS)
    scenes.reload()
    made, true = (scenes.first()[field].detections[0] for field in ("masks", "ground_truth"))
    found, expected = label_mask(made, SIZE), label_mask(true, SIZE)
    assert (found & expected).sum() / (found | expected).sum() > 0.8


def test_a_box_that_is_none_fails_its_image_by_name(scenes):
    sample = scenes.first()
    label = fo.Detection(label="red", bounding_box=[0.1, float("nan"), 0.1, 0.1])
    sample["boxes"] = fo.Detections(detections=[label])
    sample.save()
    other = scenes.last()
    other["boxes"] = fo.Detections(detections=[fo.Detection(bounding_box=[0.1, 0.1, 0.3, 0.3])])
    other.save()
    report = ntt.boxes_to_masks(scenes, "boxes", "masks", models=MODELS)
    [reason] = report.failures.values()
    assert f"label {label.id}: it has no box of finite numbers" in reason
    assert report.detections == 1


@pytest.mark.parametrize("name", [*DETECTIONS, *POLYLINES])
def test_a_reference_without_pixels_is_named(scenes, name):
    sample = scenes.first()
    polyline = name in POLYLINES
    field = "drawn" if polyline else "ground_truth"
    label = (POLYLINES if polyline else DETECTIONS)[name](label="red")
    sample[field]["polylines" if polyline else "detections"].append(label)
    sample.save()
    message = rf"reference {label.id} \(red\) in .*scene0.png: it shows no pixel .*leave it out"
    with pytest.raises(InputError, match=message):
        ntt.build_memory_bank(scenes, field, models=MODELS)


def test_labels_without_pixels_do_not_disturb_negatives(scenes):
    bank = ntt.build_memory_bank(scenes[:2], "ground_truth", models=MODELS)
    before = ntt.add_background_negatives(scenes, bank, "ground_truth", models=MODELS)
    mined = ntt.mine_negatives(scenes, bank, "ground_truth", models=MODELS, progress=False)
    sample = scenes.first()
    sample.ground_truth.detections += [make(label="red") for make in DETECTIONS.values()]
    sample.save()
    after = ntt.add_background_negatives(scenes, bank, "ground_truth", models=MODELS)
    np.testing.assert_array_equal(after.negatives.prototypes, before.negatives.prototypes)
    again = ntt.mine_negatives(scenes, bank, "ground_truth", models=MODELS, progress=False)
    assert set(again.negatives.ids) <= set(mined.negatives.ids)
