"""`fiftyone-ntt demo --curve`: average precision against the number of references."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.evaluation.shots_curve import ShotsCurve
from fiftyone_ntt.demo.demo_dataset import CANDIDATE, GROUND_TRUTH, TARGET, make_demo_dataset
from fiftyone_ntt.demo.run import POINTS_PER_SIDE
from fiftyone_ntt.drawing.charts import prepare_chart_folder

SHOTS = (1, 3, 5, 10)
SEEDS = (0, 1, 2)


def run_curve(output: Path) -> ShotsCurve:
    """Score banks of 1, 3, 5 and 10 references per class over 3 seeds; print and draw the outcome.

    Args:
        output: folder of the charts, made if need be.
    """
    prepare_chart_folder(output)
    with TemporaryDirectory() as folder:
        dataset = make_demo_dataset(folder, "fiftyone-ntt-demo-curve")
        try:
            curve = ntt.shots_curve(
                dataset.match_tags(CANDIDATE),
                dataset.match_tags(TARGET),
                GROUND_TRUTH,
                shots=SHOTS,
                seeds=SEEDS,
                models="demo",
                points_per_side=POINTS_PER_SIDE,
                store=Path(folder) / "proposals",
                progress=True,
            )
        finally:
            dataset.delete()
    print("mean ± std over 3 draws of the references; AP is COCO's, on novel classes")
    print(curve)
    for path in curve.save(output):
        print(path)
    return curve
