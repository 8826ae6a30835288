"""Which of the labels that went out an object is, and whether it was redrawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.rle import encode_masks
from fiftyone_ntt.prelabels.prelabel import Prelabel
from fiftyone_ntt.prelabels.returned_labels import Returned, is_redrawn, paired
from tests.prelabels.prelabelled import mask_prelabel

SIZE = (40, 60)


def square(left: int, top: int, side: int = 10) -> np.ndarray:
    mask = np.zeros(SIZE, dtype=bool)
    mask[top : top + side, left : left + side] = True
    return mask


def sent(number: int, left: int, label: str = "boat") -> Prelabel:
    return mask_prelabel(number, label, square(left, 5), 0.5)


def back(mask: np.ndarray, label: str = "boat", own: Prelabel | None = None) -> Returned:
    [rle] = encode_masks(mask[None])
    return Returned(label, rle, coco_mask.toBbox(rle).tolist(), own.id if own else None)


def test_ids_come_before_places() -> None:
    one, two = sent(1, 0), sent(2, 30)
    objects = [back(square(30, 5), own=one), back(square(0, 5), own=two)]
    pairs = paired([one, two], objects)
    assert [(item.id, of) for item, of in pairs.back] == [
        (one.id, objects[0]),
        (two.id, objects[1]),
    ]
    assert (pairs.missing, pairs.new) == ([], [])


def test_of_a_copy_the_more_alike_is_the_label() -> None:
    one = sent(1, 0)
    copy, same = back(square(8, 5), own=one), back(square(1, 5), own=one)
    pairs = paired([one], [copy, same])
    assert (pairs.back, pairs.new) == ([(one, same)], [copy])


def test_without_ids_overlap_decides_and_class_among_alike() -> None:
    one, two, gone = sent(1, 0, "boat"), sent(2, 3, "buoy"), sent(3, 40)
    objects = [back(square(2, 5), "buoy"), back(square(1, 5), "boat"), back(square(48, 20))]
    pairs = paired([one, two, gone], objects)
    assert {item.id: of for item, of in pairs.back} == {
        one.id: objects[1],
        two.id: objects[0],
    }
    assert (pairs.missing, pairs.new) == ([gone], [objects[2]])
    # The very same mask of another class is the label, not one beside it of its class.
    objects = [back(square(0, 5), "buoy"), back(square(2, 5), "boat")]
    assert paired([one], objects).back == [(one, objects[0])]


def test_labels_of_unknown_ids_are_found_by_place() -> None:
    one, other = sent(1, 0), sent(9, 0)
    pairs = paired([one], [back(square(0, 5), own=other)])
    assert [item for item, _ in pairs.back] == [one]
    assert paired([], []).back == [] and paired([one], []).missing == [one]


def test_boxes_are_matched_too() -> None:
    boxed = Prelabel("1" * 24, "boat", None, (0.0, 5.0, 10.0, 10.0))
    near = Returned("boat", None, [1.5, 5, 10, 10])
    assert paired([boxed], [near]).back == [(boxed, near)]
    assert is_redrawn(boxed, near)
    assert not is_redrawn(boxed, Returned("boat", None, [0.4, 5, 10, 10]))
    assert is_redrawn(boxed, back(square(0, 5)))
    one = sent(1, 0)
    assert [item for item, _ in paired([one], [near]).back] == [one]


def test_rounding_and_filling_an_outline_redraw_nothing() -> None:
    one = sent(1, 10)
    wider = square(10, 5)
    wider[5:15, 9] = True
    assert not is_redrawn(one, back(square(10, 5)))
    assert is_redrawn(one, back(wider))
    assert not is_redrawn(one, replace(back(wider), outlined=True))
    wider[5:15, 8] = True
    assert is_redrawn(one, replace(back(wider), outlined=True))
    ring = square(10, 5)
    ring[8:12, 13:17] = False
    ringed = mask_prelabel(2, "boat", ring, 0.5)
    assert is_redrawn(ringed, back(square(10, 5)))
    assert not is_redrawn(ringed, replace(back(square(10, 5)), outlined=True))
