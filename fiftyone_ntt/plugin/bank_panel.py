"""The Memory Bank panel: what is in a bank, and what may be wrong with it."""

from __future__ import annotations

import math
from typing import Any

import fiftyone.core.labels as fol
import fiftyone.operators as foo
import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin import PLUGIN_NAME
from fiftyone_ntt.plugin.counts import labels_path
from fiftyone_ntt.plugin.form import label_fields

_BUTTONS = (
    ("build_memory_bank", "Build another"),
    ("segment_with_memory_bank", "Segment"),
    ("manage_memory_banks", "Manage"),
)
_SHOWN_PAIRS = 5
_CONFUSED = 0.5
"""Cosine of two prototypes from which their classes are worth a line."""


class MemoryBankPanel(foo.Panel):  # type: ignore[misc]
    """Numbers are computed when a bank is chosen, from its arrays; `render` only lays them out."""

    NAME = "memory_bank_panel"

    @property
    def config(self) -> Any:
        return foo.PanelConfig(
            name=self.NAME,
            label="Memory Bank",
            icon="inventory_2",
            surfaces="grid",
            help_markdown="The references of a memory bank, and which of them to look at again",
        )

    def on_load(self, ctx: Any) -> None:
        banks = [bank.name for bank in ntt.list_memory_banks(ctx.dataset)]
        ctx.panel.set_state("banks", banks)
        chosen = ctx.panel.get_state("bank")
        _show(ctx, chosen if chosen in banks else next(iter(banks), None))

    on_change_dataset = on_load

    def choose(self, ctx: Any) -> None:
        """Another bank was chosen."""
        _show(ctx, ctx.params["value"])

    def click(self, ctx: Any) -> None:
        """A reference was clicked in the scatter."""
        _select(ctx, [ctx.params["id"]])

    def lasso(self, ctx: Any) -> None:
        """References were lassoed in the scatter."""
        _select(ctx, [point["id"] for point in ctx.params["data"]])

    def press(self, ctx: Any) -> None:
        """Open the form of the operator that a button names."""
        ctx.prompt(f"{PLUGIN_NAME}/{ctx.params['operator']}")

    def render(self, ctx: Any) -> Any:
        panel = types.Object()
        banks = ctx.panel.get_state("banks") or []
        if banks:
            _add_choice(panel, banks, ctx.panel.get_state("bank"), self.choose)
        else:
            panel.md("This dataset has no memory bank yet. Tag a few labels and build one.")
        _add_buttons(panel, self.press, ctx.panel.get_state("bank"))
        if ctx.panel.get_state("problem"):
            panel.md(f"**{ctx.panel.get_state('problem')}**", name="problem")
        elif ctx.panel.get_state("bank"):
            panel.md(ctx.panel.get_state("summary") or "", name="summary_text")
            _add_plots(panel, self.click, self.lasso)
            _add_table(panel)
        return types.Property(
            panel, view=types.GridView(orientation="vertical", columns=1, gap=2, pad=2)
        )


def _show(ctx: Any, bank: str | None) -> None:
    """Put what is to be seen of a bank into the panel."""
    ctx.panel.set_state("bank", bank)
    ctx.panel.set_state("problem", None)
    if bank is None:
        return
    try:
        review = ntt.review_memory_bank(ctx.dataset, bank)
    except ntt.NttError as error:
        ctx.panel.set_state("problem", str(error))
        return
    ctx.panel.set_state("summary", _summary(review))
    ctx.panel.set_data("similarity", _heatmap(review))
    ctx.panel.set_data("scatter", _scatter(review))
    ctx.panel.set_data("references", _rows(review))


def _summary(review: Any) -> str:
    marked = sum(bool(reference.marks) for reference in review.references)
    lines = [
        f"**{len(review.references)} references of {len(review.classes)} classes**, "
        f"{marked} to look at again."
    ]
    alike = [pair for pair in review.confused[:_SHOWN_PAIRS] if pair[2] >= _CONFUSED]
    if alike:
        pairs = ", ".join(f"{one} and {other} ({cosine:.2f})" for one, other, cosine in alike)
        lines.append(f"Classes most alike: {pairs}.")
    return "\n\n".join(lines)


def _heatmap(review: Any) -> list[dict[str, Any]]:
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


def _scatter(review: Any) -> list[dict[str, Any]]:
    """One trace per class; `ids` are what a click or a lasso gives back."""
    traces = []
    for name in review.classes:
        rows = [row for row, found in enumerate(review.references) if found.label == name]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": review.points[rows, 0].tolist(),
                "y": review.points[rows, 1].tolist(),
                "ids": [review.references[row].id for row in rows],
                "marker": {
                    "size": 10,
                    "symbol": ["x" if review.references[r].marks else "circle" for r in rows],
                },
            }
        )
    return traces


def _rows(review: Any) -> list[dict[str, str]]:
    """Those to look at first, then by class."""
    ordered = sorted(review.references, key=lambda found: (not found.marks, found.label))
    return [
        {
            "label": found.label,
            "agreement": "-" if math.isnan(found.agreement) else f"{found.agreement:.2f}",
            "marks": ", ".join(found.marks),
            "id": found.id,
        }
        for found in ordered
    ]


def _select(ctx: Any, label_ids: list[str]) -> None:
    """Select labels in the grid, and show the samples they lie on."""
    found = []
    for field in label_fields(ctx.dataset, (fol.Detections, fol.Polylines)):
        view = ctx.dataset.select_labels(ids=label_ids, fields=field)
        columns = view.values(["id", f"{labels_path(ctx.dataset, field)}.id"])
        for sample_id, ids in zip(*columns, strict=True):
            found += [{"sample_id": sample_id, "label_id": i, "field": field} for i in ids or ()]
    if not found:
        ctx.ops.notify("These references' labels are no longer on the dataset.", "warning")
        return
    ctx.ops.set_selected_labels(found)
    samples = list(dict.fromkeys(row["sample_id"] for row in found))
    ctx.ops.show_samples(samples, use_extended_selection=True)


def _add_choice(panel: Any, banks: list[str], chosen: str | None, on_change: Any) -> None:
    view = types.DropdownView()
    for name in banks:
        view.add_choice(name, label=name)
    panel.str("bank", label="Memory bank", default=chosen, view=view, on_change=on_change)


def _add_buttons(panel: Any, press: Any, bank: str | None) -> None:
    row = panel.h_stack("buttons", gap=2)
    for operator, label in _BUTTONS:
        if bank or operator == "build_memory_bank":
            row.btn(operator, label=label, on_click=press, params={"operator": operator})


def _add_plots(panel: Any, click: Any, lasso: Any) -> None:
    panel.plot(
        "scatter",
        label="References in their principal plane (crosses: to look at again)",
        height="380px",
        layout={
            "dragmode": "lasso",
            "showlegend": True,
            "margin": {"l": 30, "r": 10, "t": 10, "b": 30},
        },
        on_click=click,
        on_selected=lasso,
    )
    panel.plot(
        "similarity",
        label="Similarity of the classes' prototypes",
        height="380px",
        layout={"margin": {"l": 120, "r": 10, "t": 10, "b": 80}},
    )


def _add_table(panel: Any) -> None:
    view = types.TableView(componentsProps={"table": {"sx": {"minWidth": 0}}})
    view.add_column("label", label="Class")
    view.add_column("agreement", label="Agreement with its class (0 to 1)")
    view.add_column("marks", label="Look at")
    view.add_column("id", label="Label id")
    panel.list("references", types.Object(), view=view, label="References")
