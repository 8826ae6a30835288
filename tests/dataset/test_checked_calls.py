"""In tests, wrong types and shapes are refused, also in the processes that work is given to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from fiftyone_ntt.dataset.labels.masks import pixel_box
from fiftyone_ntt.dataset.pictures.memory_pictures import PicturesReport
from fiftyone_ntt.dataset.pictures.prediction_features import PredictionFeatures
from fiftyone_ntt.dataset.pictures.prediction_points import PredictionPoints
from fiftyone_ntt.demo.scenes import Scene
from fiftyone_ntt.protocols.draws import Draw
from fiftyone_ntt.protocols.scoring import Outcome
from fiftyone_ntt.workers.processes import default_workers
from fiftyone_ntt.workers.spreading import map_in_processes
from tests import shapes

BOX = [0.25, 0.5, 0.5, 0.25]
IMAGE = np.zeros((8, 6, 3), np.uint8)


@pytest.mark.parametrize(
    ("wrong", "call"),
    [
        ("references", lambda: PicturesReport("memory", "3", 3, 0, {}, 1.5)),
        ("failures", lambda: PicturesReport("memory", 3, 3, 0, ["gone"], 1.5)),
        ("seed", lambda: Draw("all", 1, "33", {}, {}, {}, {}, 8, 40)),
        ("metrics", lambda: Outcome({"masks AP": "0.4"}, {})),
        ("features", lambda: PredictionFeatures((), (), (), np.zeros((3, 4)), {})),
        ("points", lambda: PredictionPoints((), (), (), np.zeros((2, 3), np.float32), 1, {})),
        ("masks", lambda: Scene(IMAGE, np.zeros((1, 6, 8), bool), ("a",), ("red",))),
        ("size", lambda: pixel_box(BOX, (360.5, 480))),
        ("min_images", lambda: default_workers(1000, 0.5)),
    ],
)
def test_what_an_annotation_forbids_is_refused(wrong: str, call: Callable[[], Any]) -> None:
    with pytest.raises(TypeCheckError, match=f"parameter '{wrong}'"):
        call()
    with shapes.unchecked():
        call()  # no check of the package's own refuses it


def test_work_in_other_processes_is_checked() -> None:
    pieces = [BOX, BOX]
    assert list(map_in_processes(partial(pixel_box, size=(8, 4)), pieces, 2)) == [(1, 4, 2, 2)] * 2
    # Checked where it is called, not here: the worker imports the function anew.
    with shapes.unchecked(), pytest.raises(TypeCheckError, match="parameter 'size'"):
        list(map_in_processes(partial(pixel_box, size=(8.5, 4)), pieces, 2))
