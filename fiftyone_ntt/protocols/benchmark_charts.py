"""A benchmark's charts: its figures against shots, and by class."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from fiftyone_ntt.drawing.charts import (
    CLASS_CHART,
    SHOTS_CHART,
    class_chart,
    save_chart,
    shots_chart,
)
from fiftyone_ntt.protocols.catalogue import PROTOCOLS
from fiftyone_ntt.protocols.draws import Draw
from fiftyone_ntt.protocols.published import PUBLISHED
from fiftyone_ntt.protocols.record import Benchmark


def save_charts(benchmark: Benchmark, folder: str | Path) -> list[Path]:
    """Write `shots.png`, where there are several numbers of shots, and `classes.png`.

    Classes are shown with the most shots run, as means over draws.

    Args:
        benchmark: with at least one draw.
        folder: of the pictures.

    Returns:
        What was written.
    """
    title = f"{benchmark.setup.protocol}, models {benchmark.setup.models}"
    most = max(draw.shots for draw in benchmark.draws)
    written = []
    if len({draw.shots for draw in benchmark.draws}) > 1:
        # What the demo models make of generated scenes is no match for anything published.
        known = {} if benchmark.setup.models == "demo" else _published(benchmark.setup.protocol)
        chart = shots_chart(_curves(benchmark), title=title, published=known)
        written.append(save_chart(chart, Path(folder) / SHOTS_CHART))
    classes = _classes([draw for draw in benchmark.draws if draw.shots == most])
    if classes:
        chart = class_chart(classes, title=f"{title}, {most}-shot")
        written.append(save_chart(chart, Path(folder) / CLASS_CHART))
    return written


def _curves(benchmark: Benchmark) -> dict[str, dict[int, list[float]]]:
    """Of each headline figure, by shots: the seeds' means over parts."""
    found: dict[str, dict[int, list[float]]] = {}
    for metric in PROTOCOLS[benchmark.setup.protocol].headline:
        of_seed: dict[tuple[int, int | None], list[float]] = defaultdict(list)
        for draw in benchmark.draws:
            if metric in draw.metrics:
                of_seed[draw.shots, draw.seed].append(draw.metrics[metric])
        by_shots: dict[int, list[float]] = defaultdict(list)
        for (shots, _), values in of_seed.items():
            by_shots[shots].append(float(np.mean(values)))
        if by_shots:
            found[metric] = dict(by_shots)
    return found


def _published(protocol: str) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for score in PUBLISHED.get(protocol, ()):
        if score.shots is not None:
            found[score.metric][score.shots] = score.mean / 100
    return found


def _classes(draws: list[Draw]) -> dict[str, dict[str, float]]:
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for draw in draws:
        for label, metrics in draw.classes.items():
            for metric, value in metrics.items():
                values[label][metric].append(value)
    return {
        label: {metric: float(np.mean(part)) for metric, part in metrics.items()}
        for label, metrics in values.items()
    }
