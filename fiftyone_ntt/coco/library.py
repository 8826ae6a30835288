"""hotcoco, which matches and scores objects exactly as pycocotools does, in a fraction of its time.

It takes objects in columns. Images and categories go by place, ids count from 1: in COCO's records
of matches an id of 0 means "no match".
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import hotcoco
import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped
from pycocotools import mask as coco_mask

from fiftyone_ntt.core.rle import RLE

Kind = Literal["masks", "boxes"]
"""Which IoU objects are compared by."""

_IOU_TYPES = {"masks": "segm", "boxes": "bbox"}


@dataclass(frozen=True, eq=False)
class Objects:
    """`N` true or predicted objects.

    Attributes:
        image: place of each one's image.
        category: place of its category.
        box: x, y, width, height in pixels.
        area: in pixels.
        masks: run lengths at image size; None to compare boxes.
        crowd: of true objects.
        score: of predicted ones.
    """

    image: Int64[np.ndarray, " N"]
    category: Int64[np.ndarray, " N"]
    box: Float64[np.ndarray, "N 4"]
    area: Float64[np.ndarray, " N"]
    masks: Sequence[RLE] | None
    crowd: Bool[np.ndarray, " N"]
    score: Float64[np.ndarray, " N"]

    def select(self, index: Int64[np.ndarray, " S"]) -> Objects:
        """Some of them, by place."""
        masks = None if self.masks is None else [self.masks[place] for place in index.tolist()]
        return Objects(
            self.image[index],
            self.category[index],
            self.box[index],
            self.area[index],
            masks,
            self.crowd[index],
            self.score[index],
        )


def compared(
    kind: Kind,
    images: Sequence[dict[str, Any]],
    categories: Sequence[dict[str, Any]],
    truth: Objects,
    found: Objects,
    *,
    federated: bool = False,
) -> Any:
    """hotcoco's `COCOeval` of some images, to be evaluated.

    Args:
        kind: by which IoU.
        images: what LVIS says of each, if anything.
        categories: likewise.
        truth: the true objects.
        found: the predicted ones.
        federated: by LVIS's rules.
    """
    entries = [{**image, "id": place} for place, image in enumerate(images, 1)]
    names = [
        {**category, "id": place, "name": str(place)}
        for place, category in enumerate(categories, 1)
    ]
    index = hotcoco.COCO.from_arrays(
        entries,
        names,
        truth.image + 1,
        truth.category + 1,
        truth.box,
        area=truth.area,
        iscrowd=truth.crowd.astype(np.int64),
        segmentation=None if truth.masks is None else list(truth.masks),
    )
    columns = [found.image + 1, found.box, found.score, found.category + 1]
    results = index.load_res(
        np.column_stack(columns).astype(np.float64),
        segmentation=None if found.masks is None else list(found.masks),
    )
    if len(found.area):
        # Objects are of the size they are said to be; the library takes it from mask or box.
        results.update_anns(ids=np.arange(1, len(found.area) + 1), area=found.area)
    return hotcoco.COCOeval(index, results, _IOU_TYPES[kind], lvis_style=federated)


def summarized(evaluation: Any) -> list[float]:
    """The figures of an evaluation, which is run; -1 where one is undefined."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.run()
    return [float(value) for value in evaluation.stats]


@dataclass(frozen=True, eq=False)
class Matches:
    """What became of an image's `D` predictions, at `A` area ranges and `T` IoU thresholds.

    Attributes:
        partner: place of the true object that each is matched with; -1 for none.
        ignored: whether it counts neither as right nor as wrong.
    """

    partner: Int64[np.ndarray, "A T D"]
    ignored: Bool[np.ndarray, "A T D"]


def image_matches(
    kind: Kind,
    truth: Objects,
    found: Objects,
    *,
    thresholds: Sequence[float],
    areas: Sequence[Sequence[float]],
    limit: int,
) -> Matches:
    """Match the objects of one image, as COCO does.

    Args:
        kind: by which IoU.
        truth: the true objects; their categories count from 0 and leave none out.
        found: predictions of the same categories, one category after the other and each by falling
            score.
        thresholds: of IoU.
        areas: ranges, in pixels.
        limit: predictions of a category that take part; `found` has no more.
    """
    categories: list[dict[str, Any]] = [{}] * (int(truth.category.max()) + 1)
    evaluation = compared(kind, [{}], categories, truth, found)
    params = evaluation.params
    params.iou_thrs, params.max_dets = list(thresholds), [limit]
    params.area_rng = [list(map(float, area)) for area in areas]
    params.area_rng_lbl = [str(place) for place in range(len(areas))]
    evaluation.evaluate()
    cells = evaluation.eval_imgs  # of a category, its area ranges follow one another

    def joined(name: str) -> Shaped[np.ndarray, "A T D"]:
        return np.array(
            [
                [
                    [value for cell in cells[area :: len(areas)] for value in cell[name][row]]
                    for row in range(len(thresholds))
                ]
                for area in range(len(areas))
            ]
        )

    return Matches(joined("dtMatches") - 1, joined("dtIgnore"))


def overlaps(
    kind: Kind, truth: Objects, found: Objects
) -> Float64[np.ndarray, "{len(found.area)} {len(truth.area)}"]:
    """IoUs; of crowds, the share of the prediction that lies on them."""
    crowd = truth.crowd.astype(np.uint8)
    if kind == "boxes":
        return np.asarray(coco_mask.iou(found.box, truth.box, crowd))
    assert found.masks is not None and truth.masks is not None
    return np.asarray(coco_mask.iou(list(found.masks), list(truth.masks), crowd))
