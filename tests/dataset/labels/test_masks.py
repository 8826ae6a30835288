"""Labels as pixels: their own boxes and masks, and those that have none."""

from __future__ import annotations

from typing import Any

import cv2
import fiftyone as fo
import fiftyone.utils.coco as fouc
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fiftyone_ntt.dataset.labels.coco_labels import label_shape
from fiftyone_ntt.dataset.labels.masks import (
    detection_mask,
    label_box,
    label_mask,
    pixel_box,
    polyline_mask,
    relative_box,
)
from fiftyone_ntt.dataset.labels.stored_labels import stored_labels
from fiftyone_ntt.errors import InputError
from tests.dataset.labels.pixelless import PIXELLESS

Points = list[tuple[float, float]]
SQUARE = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]


@pytest.mark.parametrize("seed", range(5))
def test_a_mask_made_from_an_image_comes_back_exactly(seed):
    rng = np.random.default_rng(seed)
    size = tuple(int(n) for n in rng.integers(40, 700, 2))
    mask = np.zeros(size, bool)
    top, left = (int(rng.integers(0, n - 5)) for n in size)
    mask[top : top + 200, left : left + 300] = (
        rng.random(mask[top : top + 200, left : left + 300].shape) > 0.5
    )
    np.testing.assert_array_equal(detection_mask(fo.Detection.from_mask(mask), size), mask)


def test_boxes_in_pixels_are_not_shifted_by_rounding():
    for x in range(480):
        assert pixel_box([x / 480, 0, 1 / 480, 1], (360, 480))[0] == x


def test_a_mask_of_another_size_is_resized_into_its_box():
    detection = fo.Detection(bounding_box=[0.25, 0.5, 0.5, 0.25], mask=np.eye(2, dtype=bool))
    mask = detection_mask(detection, (40, 80))
    assert mask.sum() == 40 * 10 / 2
    assert mask[20:25, 20:40].all() and mask[25:30, 40:60].all()


def test_a_box_beyond_the_image_is_clipped():
    detection = fo.Detection(bounding_box=[-0.5, 0, 1, 2], mask=np.ones((20, 10), bool))
    np.testing.assert_array_equal(detection_mask(detection, (10, 10))[:, :5], True)
    assert detection_mask(detection, (10, 10))[:, 5:].sum() == 0


def test_masks_on_disk(tmp_path):
    mask = np.zeros((10, 20), np.uint8)
    mask[2:5, 3:9] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    detection = fo.Detection(bounding_box=[0, 0, 1, 1], mask_path=str(tmp_path / "mask.png"))
    np.testing.assert_array_equal(detection_mask(detection, (10, 20)), mask > 0)


def test_polylines_cover_their_inside():
    square = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]
    mask = polyline_mask(fo.Polyline(points=[square], closed=True), (40, 80))
    assert mask[10:30, 20:60].all() and mask.sum() == 20 * 40


def relative(polygon: np.ndarray, size: tuple[int, int]) -> Points:
    return [(x / size[1], y / size[0]) for x, y in polygon.tolist()]


def star(rng: np.random.Generator, centre: tuple[float, float], radius: float) -> np.ndarray:
    """A random polygon around a centre, its coordinates rounded as COCO's files have them."""
    angles = np.sort(rng.random(int(rng.integers(3, 12))) * 2 * np.pi)
    reach = radius * (0.3 + 0.7 * rng.random(len(angles)))
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None]
    return np.round(around + centre, 1)


def test_the_holes_of_a_filled_polyline_stay_holes():
    frame = [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)]
    polyline = fo.Polyline(points=[frame, SQUARE], filled=True)
    mask = polyline_mask(polyline, (100, 200))
    assert mask.sum() == 80 * 160 - 50 * 100
    assert not mask[25:75, 50:150].any()


@pytest.mark.parametrize("seed", range(10))
def test_filled_polylines_are_read_as_fiftyone_draws_them(seed):
    rng = np.random.default_rng(seed)
    height, width = (int(n) for n in rng.integers(80, 300, 2))
    outer = [star(rng, (width / 2, height / 2), 70.0)]
    shapes = outer + [star(rng, tuple(rng.uniform(30, 60, 2)), 30.0) for _ in range(3)]
    points = [relative(shape, (height, width)) for shape in shapes]
    polyline = fo.Polyline(points=points, filled=True, closed=bool(seed % 2))
    theirs = polyline.to_segmentation(frame_size=(width, height)).mask > 0
    # OpenCV fills the outline itself too, and cuts corners to whole pixels.
    edges = np.zeros((height, width), np.uint8)
    whole = [np.round(shape).astype(np.int32) for shape in shapes]
    cv2.polylines(edges, whole, True, 1, thickness=5)
    inner = edges == 0
    ours = polyline_mask(polyline, (height, width))
    assert ours.any() and inner.any()
    np.testing.assert_array_equal(ours[inner], theirs[inner])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("filled", [True, False])
def test_without_holes_the_pixels_are_cocos(seed, filled):
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(80, 500)), int(rng.integers(160, 900)))
    centres = [(40.0, 40.0), (size[1] - 40.0, size[0] - 40.0)]
    shapes = [star(rng, centre, 38.0) for centre in centres[: 1 + seed % 2]]
    polyline = fo.Polyline(
        points=[relative(shape, size) for shape in shapes], filled=filled, closed=True
    )
    theirs = coco_mask.merge(
        coco_mask.frPyObjects([shape.ravel().tolist() for shape in shapes], *size)
    )
    np.testing.assert_array_equal(polyline_mask(polyline, size), coco_mask.decode(theirs) > 0)


def test_shapes_of_a_closed_line_cover_each_other():
    inside = [(0.4, 0.4), (0.6, 0.4), (0.6, 0.6)]
    both = polyline_mask(fo.Polyline(points=[SQUARE, inside], closed=True), (40, 80))
    np.testing.assert_array_equal(
        both, polyline_mask(fo.Polyline(points=[SQUARE], closed=True), (40, 80))
    )


def test_a_third_number_of_a_point_does_not_matter():
    deep = [[(x, y, 0.5) for x, y in SQUARE]]
    document = {"polylines": [{"_id": "1", "points": deep, "filled": True}]}
    [label] = stored_labels({"drawn": document}, "drawn")
    mask = label_mask(label, (40, 80))
    assert mask is not None and mask.sum() == 20 * 40


def test_the_box_of_a_polyline_is_around_its_points():
    polyline = fo.Polyline(points=[SQUARE, [(0.9, 0.5), (0.8, 0.5), (0.8, 0.6)]], closed=True)
    assert label_box(polyline, (40, 80)) == (20.0, 10.0, 52.0, 20.0)


@pytest.mark.parametrize("name", PIXELLESS)
def test_labels_without_pixels_have_an_empty_mask(name):
    label = PIXELLESS[name]()
    mask = label_mask(label, (48, 64))
    assert mask is not None and mask.shape == (48, 64) and not mask.any()
    shape = label_shape(label, (48, 64))
    assert shape.is_empty and shape.area == 0
    assert coco_mask.area(shape.rle) == 0 and shape.rle["size"] == [48, 64]
    assert np.isfinite(shape.box).all()


def test_fiftyones_importer_makes_masks_without_pixels():
    thin = [[10, 10, 10.3, 10, 10.3, 15]]
    made = fouc.COCOObject(category_id=1, bbox=[10, 10, 0.3, 5], segmentation=thin)
    label = made.to_detection((64, 48), classes_map={1: "a"}, load_segmentation=True)
    assert label.mask.size == 0
    assert not label_mask(label, (48, 64)).any()


def test_a_label_without_a_box_has_none():
    for label in (fo.Detection(), fo.Detection(bounding_box=[0, 0, float("nan"), 1])):
        assert relative_box(label) is None and label_box(label, (48, 64)) == (0, 0, 0, 0)
        assert label_mask(label, (48, 64)) is None


HALF = np.ones((5, 5), bool)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (fo.Polyline(points=[SQUARE]), "polyline is open"),
        (fo.Polyline(points=[[*SQUARE, (5.1, 0)]], filled=True), "far from its image"),
        (fo.Polyline(points=[[*SQUARE, (0, -1e300)]], closed=True), "far from its image|finite"),
        (fo.Detection(bounding_box=[0, 0, 5.1, 1], mask=HALF), "far from its image of 64 x 48"),
        (fo.Detection(bounding_box=[0, -1e300, 1, 1], mask=HALF), "far from its image"),
        (fo.Detection(bounding_box=[0, 0, 1, 1], mask=HALF[0]), r"shape \(5,\), not height x"),
        (fo.Detection(bounding_box=[0, 0, 1, 1], mask_path="/nowhere.png"), "/nowhere.png cannot"),
    ],
)
def test_what_cannot_be_drawn_is_named(label, message):
    with pytest.raises(InputError, match=message):
        label_mask(label, (48, 64))
    with pytest.raises(InputError, match=f"label {label.id}: "):
        _ = label_shape(label, (48, 64)).rle


def test_a_damaged_mask_in_the_database_is_named():
    document: dict[str, Any] = {"_id": "1", "bounding_box": [0, 0, 1, 1], "mask": b"no mask"}
    [label] = stored_labels({"found": {"detections": [document]}}, "found")
    with pytest.raises(InputError, match="its mask cannot be read"):
        label_mask(label, (48, 64))
