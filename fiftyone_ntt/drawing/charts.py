"""Charts as PNG: figures against shots, figures by class, and how chances agree with the truth."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fiftyone_ntt.store.atomic import make_folder, require_writable, write_atomically
from fiftyone_ntt.store.own_files import PICTURE, PICTURE_TEXT

_DPI = 110
_CLASSES_SHOWN = 80
SHOTS_CHART, CLASS_CHART = "shots.png", "classes.png"
"""Names of the files in a folder of charts."""


def shots_chart(
    metrics: Mapping[str, Mapping[int, Sequence[float]]],
    *,
    title: str = "",
    published: Mapping[str, Mapping[int, float]] | None = None,
) -> Figure:
    """Figures against the number of references per class, mean ± std over draws.

    Args:
        metrics: by name, then by shots: one value in 0..1 per draw.
        title: above the chart.
        published: by name, then by shots, in 0..1; drawn dashed in the same colour.
    """
    chart = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = chart.subplots()
    for index, (name, by_shots) in enumerate(metrics.items()):
        shots = sorted(by_shots)
        values = [100 * np.asarray(by_shots[count]) for count in shots]
        means, stds = [v.mean() for v in values], [v.std() for v in values]
        axes.errorbar(shots, means, stds, label=name, color=f"C{index}", marker="o", capsize=3)
        known = (published or {}).get(name, {})
        if known:
            dashed = [100 * known[count] for count in sorted(known)]
            label = f"{name}, published"
            axes.plot(sorted(known), dashed, "--", color=f"C{index}", alpha=0.6, label=label)
    shown = [*metrics.values(), *(published or {}).values()]
    every = sorted({count for by_shots in shown for count in by_shots})
    axes.set_xscale("log")
    axes.set_xticks(every, [str(count) for count in every])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set(xlabel="references per class", ylabel="%", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    return chart


def class_chart(metrics: Mapping[str, Mapping[str, float]], *, title: str = "") -> Figure:
    """Figures of each class as bars, best class on top; of very many, the best and the worst.

    Args:
        metrics: by class, then by name, in 0..1.
        title: above the chart.
    """
    names = list(dict.fromkeys(name for row in metrics.values() for name in row))
    ranked = sorted(metrics, key=lambda label: metrics[label].get(names[0], -1.0))
    if len(ranked) > _CLASSES_SHOWN:
        half = _CLASSES_SHOWN // 2
        ranked = [*ranked[:half], *ranked[-half:]]
        title = f"{title} ({_CLASSES_SHOWN} of {len(metrics)} classes)".strip()
    chart = Figure(figsize=(6.4, 1.2 + 0.24 * len(ranked)), layout="constrained")
    axes = chart.subplots()
    thickness = 0.8 / len(names)
    for index, name in enumerate(names):
        positions = np.arange(len(ranked)) + (len(names) - 1 - 2 * index) * thickness / 2
        values = [100 * metrics[label].get(name, 0.0) for label in ranked]
        axes.barh(positions, values, thickness, label=name)
    axes.set_yticks(range(len(ranked)), ranked)
    axes.set_ylim(-0.7, len(ranked) - 0.3)
    axes.set(xlabel="%", title=title)
    axes.grid(axis="x", alpha=0.3)
    chart.legend(loc="outside lower center", ncols=max(len(names), 1))
    return chart


def difference_chart(
    differences: Mapping[str, Mapping[str, Mapping[str, tuple[float, float]]]], label: str
) -> Figure:
    """Differences as points with their standard errors, a panel for each of several sets.

    Args:
        differences: by panel, then by row, then by series: mean and standard error, in 0..1.
        label: what the differences are of.
    """
    names = list(dict.fromkeys(name for rows in differences.values() for name in rows))
    series = list(
        dict.fromkeys(key for rows in differences.values() for row in rows.values() for key in row)
    )
    size = (3.2 + 2.6 * max(len(differences), 1), 1.6 + 0.36 * len(names))
    chart = Figure(figsize=size, layout="constrained")
    panels = chart.subplots(1, max(len(differences), 1), sharey=True, squeeze=False)[0]
    for axes, (title, rows) in zip(panels, differences.items(), strict=False):
        axes.axvline(0, color="black", linewidth=0.8)
        for index, key in enumerate(series):
            shown = [place for place, name in enumerate(names) if key in rows.get(name, {})]
            means, errors = (
                [100 * rows[names[place]][key][part] for place in shown] for part in (0, 1)
            )
            offset = (index - (len(series) - 1) / 2) * 0.8 / len(series)
            places = [place + offset for place in shown]
            style = {"fmt": "o", "markersize": 3, "capsize": 2, "color": f"C{index}"}
            axes.errorbar(means, places, xerr=errors, label=key, **style)
        axes.set(title=title, xlabel=label)
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.4, -0.6)  # the first on top
    handles = panels[0].get_legend_handles_labels()
    chart.legend(*handles, loc="outside lower center", ncols=max(len(series), 1))
    return chart


def reliability_chart(
    parts: Mapping[str, tuple[Sequence[int], Sequence[float], Sequence[float]]], *, title: str = ""
) -> Figure:
    """How often predictions are right, against how likely that was said to be.

    Args:
        parts: by name: of each bin the count, the mean chance and the share that is right, 0..1.
        title: above the chart.
    """
    chart = Figure(figsize=(5.2, 5.6), layout="constrained")
    above, below = chart.subplots(2, sharex=True, height_ratios=(4, 1))
    above.plot([0, 100], [0, 100], "--", color="grey", label="as said")
    width = 100 / max((len(counts) for counts, _, _ in parts.values()), default=1)
    for index, (name, columns) in enumerate(parts.items()):
        counts, chances, shares = (np.asarray(column, dtype=np.float64) for column in columns)
        seen = counts > 0
        color = f"C{index}"
        above.plot(100 * chances[seen], 100 * shares[seen], "o-", color=color, label=name)
        edges = width * (np.arange(len(counts)) + index / len(parts))
        below.bar(edges, counts, width / len(parts), align="edge", color=color)
    above.set(ylabel="of those right, %", title=title, ylim=(-2, 102))
    below.set(xlabel="said to be right, %", ylabel="predictions")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    above.legend()
    return chart


def prepare_chart_folder(folder: str | Path) -> None:
    """Make a folder for the two charts, before work is spent on what they show.

    Raises:
        StoreError: it cannot be made, or another's file has a chart's name.
    """
    make_folder(Path(folder))
    for name in (SHOTS_CHART, CLASS_CHART):
        require_writable(Path(folder) / name, PICTURE)


def save_chart(chart: Figure, path: str | Path) -> Path:
    """Write a chart as PNG; returns the path.

    Raises:
        StoreError: another's file is there, or the file cannot be written.
    """
    path, content = Path(path), io.BytesIO()
    chart.savefig(content, dpi=_DPI, format="png", metadata=dict([PICTURE_TEXT]))
    write_atomically(path, content.getvalue(), PICTURE)
    return path
