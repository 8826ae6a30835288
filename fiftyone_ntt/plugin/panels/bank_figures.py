"""What the Memory Bank panel draws with Plotly, as its traces. All from numbers that are there.

A point's `ids` entry says what it is, so that a click needs no search: a prediction's is sample,
field and label, parted by slashes; a reference's is its id in the bank, after two slashes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

MAP_CLASSES = 40
"""Classes in the map of similarities: of 200 no name could be read."""
LEGEND_CLASSES = 12
"""Classes up to which the plane has a legend: that of 200 is longer than the panel."""
POINTS = 2_000
"""References in the plane, at most; those to look at are always among them."""
NO_ZOOM = {"scrollZoom": False}
"""Plotly's configuration: the wheel is to scroll the panel."""
_DIGITS = 3
_COLOURS = (
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#bcbd22",
    "#17becf",
    "#aec7e8",
)

Trace = dict[str, Any]


def heatmap(review: Any) -> list[Trace]:
    """Similarity of the class prototypes; of many classes, of those most alike."""
    rows = _alike(review)
    names = [_short(review.classes[row]) for row in rows]
    return [
        {
            "type": "heatmap",
            "x": names,
            "y": names,
            "z": review.similarity[np.ix_(rows, rows)].round(_DIGITS).tolist(),
            "zmin": 0,
            "zmax": 1,
            "colorscale": "Viridis",
        }
    ]


def _alike(review: Any) -> list[int]:
    """Rows of the classes in the map, in the bank's order."""
    count = len(review.classes)
    if count <= MAP_CLASSES:
        return list(range(count))
    most = (review.similarity - 2 * np.eye(count)).max(axis=1)
    return sorted(np.argsort(-most, kind="stable")[:MAP_CLASSES].tolist())


def _short(name: str, most: int = 20) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def scatter(review: Any, predictions: Mapping[str, Any] | None = None) -> list[Trace]:
    """The references in their plane, one trace per class, over predictions if there are any.

    Args:
        review: of the bank.
        predictions: the result of the operator `place_predictions`.
    """
    traces = _prediction_traces(review.classes, predictions) if predictions else []
    by_class: dict[str, list[int]] = {name: [] for name in review.classes}
    for row in _drawn(review):
        by_class[review.references[row].label].append(row)
    for name, rows in by_class.items():
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "legendgroup": name,
                "x": review.points[rows, 0].round(_DIGITS).tolist(),
                "y": review.points[rows, 1].round(_DIGITS).tolist(),
                "ids": [f"//{review.references[row].id}" for row in rows],
                "marker": {
                    "size": 10,
                    "color": _colour(review.classes, name),
                    "symbol": ["x" if review.references[r].marks else "circle" for r in rows],
                },
            }
        )
    return traces


def _drawn(review: Any) -> list[int]:
    """Rows of the references in the plane: of very many some of each class, evenly."""
    flags = np.array([bool(found.marks) for found in review.references])
    if len(flags) <= POINTS:
        return list(range(len(flags)))
    plain = np.flatnonzero(~flags)
    left = max(0, POINTS - int(flags.sum()))
    some = plain[np.linspace(0, len(plain) - 1, num=left).astype(int)] if left else plain[:0]
    return sorted({*np.flatnonzero(flags)[:POINTS].tolist(), *some.tolist()})


def _prediction_traces(classes: Sequence[str], found: Mapping[str, Any]) -> list[Trace]:
    traces = []
    for name in dict.fromkeys(found["labels"]):
        rows = [row for row, label in enumerate(found["labels"]) if label == name]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{name}, predicted",
                "legendgroup": name,
                "showlegend": False,
                "x": [found["points"][row][0] for row in rows],
                "y": [found["points"][row][1] for row in rows],
                "ids": [
                    f"{found['sample_ids'][row]}/{found['field']}/{found['ids'][row]}"
                    for row in rows
                ],
                "marker": {"size": 5, "opacity": 0.5, "color": _colour(classes, name)},
            }
        )
    return traces


def _colour(classes: Sequence[str], name: str) -> str:
    """One colour per class of the bank, gray for others."""
    return _COLOURS[classes.index(name) % len(_COLOURS)] if name in classes else "#888888"
