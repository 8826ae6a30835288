"""The Shots Curve panel: what more references bring, and which classes need them."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types
import numpy as np

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.context import PanelContext
from fiftyone_ntt.plugin.shared.plugin_name import PLUGIN_NAME
from fiftyone_ntt.plugin.shared.shown_errors import tell_error

_MEASURE = "measure_shots"
_LINES = (("masks", "AP"), ("masks", "AP50"), ("boxes", "AP"), ("boxes", "AP50"))


class ShotsCurvePanel(foo.Panel):  # type: ignore[misc]
    """Everything is read when a curve is chosen; `render` only lays it out."""

    NAME = "shots_curve_panel"

    @property
    def config(self) -> Any:
        """How FiftyOne names the panel, and where it may be opened."""
        return foo.PanelConfig(
            name=self.NAME,
            label="Shots Curve",
            icon="show_chart",
            surfaces="grid",
            help_markdown="Average precision against references per class, and by class",
        )

    def on_load(self, ctx: PanelContext) -> None:
        """List the dataset's curves, and show one."""
        curves = ntt.list_shots_curves(ctx.dataset)
        ctx.panel.set_state("curves", curves)
        chosen = ctx.panel.get_state("curve")
        _show(ctx, chosen if chosen in curves else next(iter(curves), None))

    on_change_dataset = on_load

    def choose(self, ctx: PanelContext) -> None:
        """Another curve was chosen."""
        _show(ctx, ctx.params["value"])

    def measure(self, ctx: PanelContext) -> None:
        """Open the form of the operator that measures."""
        ctx.prompt(f"{PLUGIN_NAME}/{_MEASURE}")

    def render(self, ctx: PanelContext) -> types.Property:
        """Lay out what the state says is there."""
        panel = types.Object()
        curves = ctx.panel.get_state("curves") or []
        if curves:
            view = types.DropdownView()
            for name in curves:
                view.add_choice(name, label=name)
            chosen = ctx.panel.get_state("curve")
            panel.str("curve", label="Curve", default=chosen, view=view, on_change=self.choose)
        else:
            panel.md("This dataset has no shots curve yet. Measure one.")
        panel.btn(
            "measure", label="Measure another" if curves else "Measure", on_click=self.measure
        )
        if ctx.panel.get_state("problem"):
            panel.md(f"**{ctx.panel.get_state('problem')}**", name="problem")
        elif curves:
            _add_plot(panel)
            _add_table(panel)
        return types.Property(
            panel, view=types.GridView(orientation="vertical", columns=1, gap=2, pad=2)
        )


def _show(ctx: PanelContext, name: str | None) -> None:
    """Put what is to be seen of a curve into the panel."""
    ctx.panel.set_state("curve", name)
    ctx.panel.set_state("problem", None)
    if name is None:
        return
    try:
        curve = ntt.load_shots_curve(ctx.dataset, name)
    except ntt.NttError as error:
        ctx.panel.set_state("problem", tell_error("The curve", error))
        return
    if not curve.trials:
        ctx.panel.set_state("problem", "Nothing of this curve is measured yet.")
        return
    ctx.panel.set_data("plot", [_line(curve, kind, metric) for kind, metric in _LINES])
    ctx.panel.set_data("classes", _rows(curve))


def _line(curve: Any, kind: str, metric: str) -> dict[str, Any]:
    values = curve.values(kind, metric)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"{kind} {metric}",
        "x": [str(shots) for shots in values],
        "y": [round(100 * float(np.mean(row)), 2) for row in values.values()],
        "error_y": {
            "type": "data",
            "array": [round(100 * float(np.std(row)), 2) for row in values.values()],
        },
    }


def _rows(curve: Any) -> list[dict[str, str]]:
    """Mask AP by class with the fewest and the most references; those to look at first on top."""
    few, many = (curve.classes(shots) for shots in (min(curve.shots), max(curve.shots)))
    ordered = sorted(many, key=lambda label: many[label].get("masks AP", -1.0))
    return [
        {
            "label": label,
            "few": _percent(few.get(label, {}).get("masks AP")),
            "many": _percent(many[label].get("masks AP")),
            "boxes": _percent(many[label].get("boxes AP")),
        }
        for label in ordered
    ]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _add_plot(panel: types.Object) -> None:
    panel.plot(
        "plot",
        label="AP in percent by references per class (mean and spread of the draws)",
        height="380px",
        layout={
            "xaxis": {"title": {"text": "references per class"}, "type": "category"},
            "yaxis": {"rangemode": "tozero"},
            "showlegend": True,
            "margin": {"l": 40, "r": 10, "t": 10, "b": 45},
        },
    )


def _add_table(panel: types.Object) -> None:
    view = types.TableView(componentsProps={"table": {"sx": {"minWidth": 0}}})
    view.add_column("label", label="Class")
    view.add_column("few", label="Mask AP, fewest references")
    view.add_column("many", label="Mask AP, most references")
    view.add_column("boxes", label="Box AP, most references")
    panel.list("classes", types.Object(), view=view, label="Classes, the weakest first")
