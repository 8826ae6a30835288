"""Evaluation metric: COCO's figures on a FiftyOne evaluation of detections."""

from __future__ import annotations

from typing import Any, ClassVar

import fiftyone.operators as foo
import fiftyone.operators.types as types

import fiftyone_ntt as ntt


class CocoMetrics(foo.EvaluationMetric):  # type: ignore[misc]
    """For `evaluate_detections(custom_metrics=["@ntt/reference_segmentation/coco_metrics"])`."""

    NAME: ClassVar[str] = "coco_metrics"

    @property
    def config(self) -> Any:
        """How FiftyOne names the metric, and which evaluations take it."""
        return foo.EvaluationMetricConfig(
            name=self.NAME,
            label="COCO AP and AR",
            description="pycocotools' AP, AP50, AP75, APs, APm, APl and AR, on run lengths",
            eval_types=["detection"],
            lower_is_better=False,
            icon="analytics",
            risk_level=types.RiskLevel.LOW,
            unlisted=True,  # FiftyOne calls it while it evaluates
        )

    def compute(self, samples: Any, results: Any, **options: Any) -> None:
        """Add the figures; `options` are those of `fiftyone_ntt.add_coco_metrics`."""
        # Twelve figures, each under its own name: FiftyOne would put one value under the metric's.
        ntt.add_coco_metrics(results, samples, **options)
