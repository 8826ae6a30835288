"""What the Memory Bank panel draws, as Plotly's traces. All from numbers that are there already.

A point's `ids` entry says where its label is, so that a click needs no search: see `place`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COLUMNS = 10
"""Thumbnails side by side."""
ROWS = 12
"""Rows of thumbnails on a page."""
_THUMBNAIL = 72
_SHARE = 0.94
"""Of its cell that a thumbnail fills."""
_PLAIN, _MARKED, _NEGATIVE = "rgba(0,0,0,0)", "#ff5252", "#42a5f5"
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
_MINED = re.compile(r"mined:([0-9a-f]{24})-")
_DUPLICATE = "near-duplicate of "

Trace = dict[str, Any]
Thumbnails = Mapping[str, Any]
"""`fiftyone_ntt.dataset.banks.thumbnails.Thumbnail` by id in the bank."""


@dataclass(frozen=True)
class Cell:
    """A thumbnail's place: column and row, whose it is, what is said of it, and its frame."""

    x: int
    y: int
    name: str
    text: str
    frame: str


def place(name: str, thumbnails: Thumbnails) -> str:
    """Sample, field and label, parted by slashes; the first two empty where they are not known."""
    found = thumbnails.get(name)
    if found:
        return f"{found.sample_id}/{found.field}/{found.label_id}"
    # A mined negative is no label, but is named by its sample.
    mined = _MINED.match(name)
    return f"{mined[1]}//" if mined else f"//{name}"


def heatmap(review: Any) -> list[Trace]:
    """Similarity of the class prototypes."""
    names = list(review.classes)
    return [
        {
            "type": "heatmap",
            "x": names,
            "y": names,
            "z": review.similarity.round(3).tolist(),
            "zmin": 0,
            "zmax": 1,
            "colorscale": "Viridis",
        }
    ]


def scatter(
    review: Any, thumbnails: Thumbnails, predictions: Mapping[str, Any] | None = None
) -> list[Trace]:
    """The references in their plane, one trace per class, over predictions if there are any.

    Args:
        review: of the bank.
        thumbnails: of its references.
        predictions: the result of the operator `place_predictions`.
    """
    traces = _prediction_traces(review.classes, predictions) if predictions else []
    for name in review.classes:
        rows = [row for row, found in enumerate(review.references) if found.label == name]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "legendgroup": name,
                "x": review.points[rows, 0].tolist(),
                "y": review.points[rows, 1].tolist(),
                "ids": [place(review.references[row].id, thumbnails) for row in rows],
                "marker": {
                    "size": 10,
                    "color": _colour(review.classes, name),
                    "symbol": ["x" if review.references[r].marks else "circle" for r in rows],
                },
            }
        )
    return traces


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


def table(review: Any) -> list[dict[str, str]]:
    """A row per reference: those to drop first, then those to look at, then by class."""
    ordered = sorted(
        review.references, key=lambda found: (found.verdict, not found.marks, found.label)
    )
    return [
        {
            "label": found.label,
            "agreement": _agreement_text(found),
            "marks": ", ".join(found.marks),
            "suggestion": f"{found.verdict}: {found.reason}",
            "id": found.id,
        }
        for found in ordered
    ]


def reference_rows(review: Any) -> list[tuple[str, list[Any]]]:
    """Classes and their references, at most `COLUMNS` to a row, those to look at first."""
    rows = []
    for name in review.classes:
        own = [found for found in review.references if found.label == name]
        own.sort(key=lambda found: not found.marks)
        for start in range(0, len(own), COLUMNS):
            rows.append((name if start == 0 else "", own[start : start + COLUMNS]))
    return rows


def reference_grid(review: Any, thumbnails: Thumbnails, page: int) -> tuple[list[Trace], list[str]]:
    """A page of classes x references as thumbnails, and the rows' names."""
    rows = reference_rows(review)[page * ROWS : (page + 1) * ROWS]
    cells = [
        Cell(x, y, found.id, _hover_text(found), _MARKED if found.marks else _PLAIN)
        for y, (_, row) in enumerate(rows)
        for x, found in enumerate(row)
    ]
    return thumbnail_traces(cells, thumbnails), [name for name, _ in rows]


def pages(review: Any) -> int:
    """How many pages `reference_grid` has."""
    return max(1, math.ceil(len(reference_rows(review)) / ROWS))


def duplicate_pairs(review: Any) -> list[tuple[str, str, str]]:
    """Class, reference and the one it nearly duplicates."""
    return [
        (found.label, found.id, mark.removeprefix(_DUPLICATE))
        for found in review.references
        for mark in found.marks
        if mark.startswith(_DUPLICATE)
    ]


def duplicate_grid(
    pairs: Sequence[tuple[str, str, str]], thumbnails: Thumbnails
) -> tuple[list[Trace], list[str]]:
    """Near-duplicates as pairs of thumbnails, three to a row; the first is the one to keep."""
    per_row = (COLUMNS + 1) // 3
    shown = pairs[: per_row * ROWS]
    cells = []
    for index, (label, extra, kept) in enumerate(shown):
        x, y = 3 * (index % per_row), index // per_row
        cells.append(Cell(x, y, kept, f"{label}: keep", _PLAIN))
        cells.append(Cell(x + 1, y, extra, f"{label}: near-duplicate of the one beside", _MARKED))
    names = [", ".join(dict.fromkeys(row[0] for row in part)) for part in _chunks(shown, per_row)]
    return thumbnail_traces(cells, thumbnails), names


def negative_grid(
    negatives: Sequence[Any], thumbnails: Thumbnails
) -> tuple[list[Trace], list[str]]:
    """A bank's negatives by class."""
    names = list(dict.fromkeys(found.label for found in negatives))
    rows: list[tuple[str, Sequence[Any]]] = []
    for name in names:
        own = [found for found in negatives if found.label == name]
        rows += [
            (name if first == 0 else "", part) for first, part in enumerate(_chunks(own, COLUMNS))
        ]
    rows = rows[:ROWS]
    cells = [
        Cell(x, y, found.id, f"not {found.label}<br>{found.origin}", _NEGATIVE)
        for y, (_, row) in enumerate(rows)
        for x, found in enumerate(row)
    ]
    return thumbnail_traces(cells, thumbnails), [f"not {name}" if name else "" for name, _ in rows]


def thumbnail_traces(cells: Sequence[Cell], thumbnails: Thumbnails) -> list[Trace]:
    """Pictures, and over them the frames, which take the clicks."""
    step = _SHARE / _THUMBNAIL
    start = (step - _SHARE) / 2
    pictures: list[Trace] = [
        {
            "type": "image",
            "source": thumbnails[cell.name].uri,
            "x0": cell.x + start,
            "y0": cell.y + start,
            "dx": step,
            "dy": step,
            "hoverinfo": "skip",
        }
        for cell in cells
        if cell.name in thumbnails
    ]
    frames: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "",
        "x": [cell.x for cell in cells],
        "y": [cell.y for cell in cells],
        "ids": [place(cell.name, thumbnails) for cell in cells],
        "text": [cell.text for cell in cells],
        "hoverinfo": "text",
        "marker": {
            "symbol": "square",
            "size": 38,
            "color": [
                "rgba(0,0,0,0)" if cell.name in thumbnails else "rgba(128,128,128,0.4)"
                for cell in cells
            ],
            "line": {"width": 3, "color": [cell.frame for cell in cells]},
        },
    }
    return [*pictures, frames]


def grid_layout(names: Sequence[str]) -> dict[str, Any]:
    """The layout of a plot of thumbnails, with these names of rows."""
    return {
        "dragmode": "lasso",
        "showlegend": False,
        "margin": {"l": 10, "r": 5, "t": 5, "b": 5},
        "xaxis": {"visible": False, "range": [-0.5, COLUMNS - 0.5], "automargin": False},
        "yaxis": {
            "range": [len(names) - 0.5, -0.5],
            "tickvals": list(range(len(names))),
            "ticktext": list(names),
            "ticks": "",
            "showgrid": False,
            "zeroline": False,
            "scaleanchor": False,
            "automargin": True,
        },
    }


def grid_height(names: Sequence[str]) -> str:
    """The height of such a plot."""
    return f"{46 * len(names) + 10}px"


def _chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _agreement_text(found: Any) -> str:
    return "-" if math.isnan(found.agreement) else f"{found.agreement:.2f}"


def _hover_text(found: Any) -> str:
    return "<br>".join([f"{found.label}, agreement {_agreement_text(found)}", *found.marks])
