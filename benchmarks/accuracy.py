"""What speed costs: average precision on the demo's scenes, by precision of the networks."""

from __future__ import annotations

import numpy as np

from benchmarks.report import Report, Row

_SHOTS = 5


def accuracy(precisions: tuple[str, ...], *, seeds: int = 3, targets: int | None = None) -> Report:
    """Mask and box AP of the demo models on classes they never saw, at five shots.

    Args:
        precisions: "float32" or "bfloat16".
        seeds: draws of the references.
        targets: how many of the demo's 60 scenes; all when None.
    """
    from benchmarks.demo_trials import demo_trial
    from fiftyone_ntt.models.loading import load_models

    rows: list[Row] = []
    for kind in precisions:
        models = load_models("demo", precision=kind)
        with demo_trial(models, targets) as (trial, _):
            scores = [trial.evaluate(trial.bank(_SHOTS, seed)) for seed in range(seeds)]
        row: Row = {"precision": kind}
        for name in ("AP", "AP50"):
            row[f"mask {name}"] = float(np.mean([score.masks[name] for score in scores]))
            row[f"box {name}"] = float(np.mean([score.boxes[name] for score in scores]))
        rows.append(row)
    title = f"demo models, {_SHOTS} references per class, mean of {seeds} draws"
    return Report(title, rows)
