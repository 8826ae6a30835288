"""An ablation as one table, for people: as text, and in Markdown for a page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fiftyone_ntt.trials.ablation import Ablation
from fiftyone_ntt.trials.cells import Cell
from fiftyone_ntt.trials.variants import PAPER, Variant


def text_table(ablation: Ablation) -> str:
    """Per set of images a row for each variant: mask AP by shots, differences, and its costs."""
    rows = [["", *_head(ablation)]]
    for name in ablation.data:
        found = [["  " + row[0], *row[1:]] for row in _rows(ablation, name)]
        rows += [[_title(ablation, name)], *found] if found else []
    widths = [
        max((len(row[place]) for row in rows if place < len(row) > 1), default=0)
        for place in range(len(rows[0]))
    ]
    lines = [
        "  ".join(
            [
                cell.rjust(width) if place else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=False))
            ]
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *_notes(ablation)])


def markdown_table(ablation: Ablation) -> str:
    """The same, as one table of a page."""
    head = ["images", "variant", *_head(ablation)]
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(['---'] * len(head))}|"]
    for name in ablation.data:
        for row in _rows(ablation, name):
            lines.append(f"| {name} | {' | '.join(row)} |")
    sets = [f"`{name}`: {ablation.data[name]}." for name in ablation.data]
    return "\n".join([*lines, "", *_notes(ablation), " ".join(sets), ""])


def _head(ablation: Ablation) -> list[str]:
    shots = [f"{count} shot{'s' if count > 1 else ''}" for count in ablation.shots]
    return [
        *(title for count in shots for title in (count, "above paper")),
        *("s/image: propose", "match", "kB/image"),
    ]


def _rows(ablation: Ablation, name: str) -> Iterator[list[str]]:
    for variant in ablation.variants:
        cells = ablation.of(name, variant.name)
        if cells:
            yield [
                variant.name,
                *(
                    text
                    for shots in ablation.shots
                    for text in _shown(ablation, name, variant, shots)
                ),
                *_costs(ablation, name, variant, cells),
            ]


def _shown(ablation: Ablation, name: str, variant: Variant, shots: int) -> tuple[str, str]:
    """AP with so many shots, and how much that is above the paper's."""
    aps = [cell.ap for cell in ablation.of(name, variant.name, shots)]
    if not aps:
        return "", ""
    text = f"{np.mean(aps):.3f} ± {np.std(aps):.3f}"
    difference = ablation.difference(name, variant.name, shots=shots)
    return text, "" if variant.name == PAPER or difference is None else str(difference)


def _costs(ablation: Ablation, name: str, variant: Variant, cells: list[Cell]) -> list[str]:
    matching = f"{np.median([cell.seconds for cell in cells]):.4f}"
    cost = ablation.cost(name, variant.crops)
    if cost is None:
        return ["", matching, ""]
    return [f"{cost.seconds:.2f}", matching, f"{cost.bytes / 1000:.0f}"]


def _title(ablation: Ablation, name: str) -> str:
    return f"{name} ({ablation.data[name]})"


def _notes(ablation: Ablation) -> list[str]:
    setup = ablation.setup
    draws = len({cell.seed for cell in ablation.cells})
    return [
        f"Mask AP, mean ± std over {draws} draw{'s' if draws > 1 else ''} of the references; "
        "paired difference to paper ± its standard error over images (jackknife). "
        f"Models {setup.models}, {setup.points_per_side} points per side."
    ]
