"""A calibration as a picture: how often predictions are right that are said to be likely."""

from __future__ import annotations

from pathlib import Path

from fiftyone_ntt.core.calibration import Calibration
from fiftyone_ntt.drawing.charts import reliability_chart, save_chart


def save_reliability_picture(calibration: Calibration, path: str | Path) -> Path:
    """Draw how well chances, and the scores themselves, agree with the truth on held-out images.

    Args:
        calibration: made by `calibrate`.
        path: of a PNG, which replaces a picture of this package; its folder must be there.

    Raises:
        StoreError: another's file is there, or the file cannot be written.

    Example:
        >>> found = ntt.calibrate(view, "shapes", "ground_truth", points_per_side=16)
        >>> ntt.save_reliability_picture(found, "reliability.png").name
        'reliability.png'
    """
    parts = {
        f"scores, off by {calibration.raw_error:.3f}": calibration.raw,
        f"calibrated, off by {calibration.error:.3f}": calibration.held_out,
    }
    chart = reliability_chart(
        {
            name: (part.counts.tolist(), part.chances.tolist(), part.shares.tolist())
            for name, part in parts.items()
        },
        title=f"mode {calibration.mode!r}, from {calibration.source}",
    )
    return save_chart(chart, path)
