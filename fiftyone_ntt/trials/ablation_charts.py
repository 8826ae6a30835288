"""An ablation's picture: by how much each variant is above the paper's, with standard errors."""

from __future__ import annotations

from pathlib import Path

from fiftyone_ntt.drawing.charts import difference_chart, save_chart
from fiftyone_ntt.trials.ablation import Ablation
from fiftyone_ntt.trials.variants import PAPER

ABLATION_CHART = "ablation.png"


def save_ablation_chart(ablation: Ablation, folder: Path) -> Path:
    """Draw `ablation.png`; returns its path.

    Raises:
        StoreError: another's file is there, or the file cannot be written.
    """
    found: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for name in ablation.data:
        for variant in ablation.variants:
            for shots in ablation.shots:
                difference = ablation.difference(name, variant.name, shots=shots)
                if difference is not None and variant.name != PAPER:
                    rows = found.setdefault(name, {}).setdefault(variant.name, {})
                    rows[f"{shots} shots"] = difference.mean, difference.error
    return save_chart(
        difference_chart(found, "mask AP above paper, points"), folder / ABLATION_CHART
    )
