"""The Memory Bank panel: what is in a bank, and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.panels import bank_figures, run_card, threshold
from fiftyone_ntt.plugin.panels.selecting import select_places
from fiftyone_ntt.plugin.shared.context import PanelContext, PanelEvent
from fiftyone_ntt.plugin.shared.plugin_name import PLUGIN_NAME

_BUTTONS = (
    (
        ("build_memory_bank", "Build another"),
        ("add_negatives", "Add negatives"),
        ("manage_memory_banks", "Manage"),
    ),
    (
        ("segment_with_memory_bank", "Segment"),
        ("relabel_with_memory_bank", "Relabel"),
        ("evaluate_predictions", "Evaluate"),
        ("visualize_memory_bank", "Visualize"),
    ),
)
"""Operators and what their buttons say, in two rows."""
_OF_BANK = (
    "add_negatives",
    "manage_memory_banks",
    "segment_with_memory_bank",
    "relabel_with_memory_bank",
    "visualize_memory_bank",
)
"""Those whose form begins with the bank that is shown."""
_SHOWN_PAIRS = 5
_CONFUSED = 0.5
"""Cosine of two prototypes from which their classes are worth a line."""


class MemoryBankPanel(foo.Panel):  # type: ignore[misc]
    """Numbers are computed when a bank is chosen, from its arrays; `render` only lays them out.

    Whatever reads images or runs long is an operator's, which calls the panel back. What is said
    and drawn is the panel's data, not its state: an input that the App has just drawn writes the
    state that it knew back, and an event that began earlier may be rendered later; data outlive
    both.
    """

    NAME = "memory_bank_panel"

    @property
    def config(self) -> Any:
        """How FiftyOne names the panel, and where it may be opened."""
        return foo.PanelConfig(
            name=self.NAME,
            label="Memory Bank",
            icon="inventory_2",
            surfaces="grid",
            help_markdown="The references of a memory bank, and which of them to look at again",
        )

    def on_load(self, ctx: PanelContext) -> None:
        """List the dataset's banks and prediction fields, and show a bank."""
        banks = [bank.name for bank in ntt.list_memory_banks(ctx.dataset)]
        ctx.panel.set_state("banks", banks)
        run_card.load(ctx)
        threshold.show_fields(ctx)
        chosen = ctx.panel.get_state("bank")
        self._open(ctx, chosen if chosen in banks else next(iter(banks), None))

    on_change_dataset = on_load

    def execute(self, ctx: PanelContext) -> Any:
        """As every panel; but where runs are as they were, nothing is drawn anew."""
        if ctx.params.get("__method__") == "tick" and not run_card.tick(ctx):
            return None
        return super().execute(ctx)

    def tick(self, ctx: PanelContext) -> None:
        """Some time has gone by, and the runs are others than before: see `execute`."""
        threshold.show_fields(ctx)
        threshold.recount(ctx)

    def press_run(self, ctx: PanelContext) -> None:
        """A button of the run card was pressed."""
        run_card.press(ctx, self.on_operator_done)

    def choose(self, ctx: PanelContext) -> None:
        """Another bank was chosen; the App also says so of the one it shows first."""
        if ctx.params["value"] != ctx.panel.get_state("shown"):
            self._open(ctx, ctx.params["value"])

    def turn(self, ctx: PanelContext) -> None:
        """Another page of references was asked for."""
        _show(ctx, ctx.panel.get_state("bank"), ctx.params["page"])

    def on_thumbnails_made(self, ctx: PanelContext) -> None:
        """The thumbnails of a bank are made."""
        bank = ctx.panel.get_state("bank")
        if bank == (ctx.params.get("original_params") or {}).get("bank"):
            _show(ctx, bank, ctx.panel.get_state("page") or 0)

    def click(self, ctx: PanelContext) -> None:
        """A reference was clicked in a plot."""
        select_places(ctx, [ctx.params["id"]])

    def lasso(self, ctx: PanelContext) -> None:
        """References were lassoed in a plot; a click is a lasso around nothing, too."""
        places = [point["id"] for point in ctx.params["data"]]
        if places:
            select_places(ctx, places)

    def choose_predictions(self, ctx: PanelContext) -> None:
        """Another field of predictions was chosen."""
        threshold.choose_field(ctx)

    def slide(self, ctx: PanelContext) -> None:
        """The threshold was moved."""
        threshold.slide(ctx)

    def apply(self, ctx: PanelContext) -> None:
        """Relabel the current view with the chosen bank and threshold."""
        if not threshold.apply(ctx, on_success=self.on_relabelled):
            self.on_load(ctx)

    def on_relabelled(self, ctx: PanelContext) -> None:
        """The view has been relabelled."""
        threshold.recount(ctx)

    def place(self, ctx: PanelContext) -> None:
        """The predictions were asked for, among the references."""
        ctx.prompt(
            f"{PLUGIN_NAME}/place_predictions",
            params={
                "bank": ctx.panel.get_state("bank"),
                "label_field": ctx.panel.get_state("predictions"),
            },
            on_success=self.on_points_computed,
            skip_prompt=True,
        )

    def on_points_computed(self, ctx: PanelContext) -> None:
        """The predictions have their points."""
        found = ctx.params.get("result") or {}
        bank = ctx.panel.get_state("bank")
        if found.get("bank") == bank:
            _show_predictions(ctx, bank, found)

    def press(self, ctx: PanelContext) -> None:
        """Open the form of the operator that a button names."""
        ctx.prompt(
            f"{PLUGIN_NAME}/{ctx.params['operator']}",
            params=ctx.params.get("given"),
            on_success=self.on_operator_done,
        )

    def on_operator_done(self, ctx: PanelContext) -> None:
        """An operator that a button opened has run: it may have changed the banks."""
        self.on_load(ctx)

    def render(self, ctx: PanelContext) -> types.Property:
        """Lay out what the state says is there."""
        panel = types.Object()
        state = ctx.panel.get_state
        banks, bank = state("banks") or [], state("bank")
        run_card.add_cards(panel, ctx, self.tick, self.press_run)
        if banks:
            _add_choice(panel, banks, bank, self.choose)
        else:
            panel.md("This dataset has no memory bank yet. Tag a few labels and build one.")
        _add_buttons(panel, self.press, bank)
        if state("problem"):
            panel.md(f"**{state('problem')}**", name="problem")
        elif bank:
            panel.md("", name="summary")
            threshold.add_section(panel, ctx, self.choose_predictions, self.slide, self.apply)
            self._add_content(panel, ctx)
        return types.Property(
            panel, view=types.GridView(orientation="vertical", columns=1, gap=2, pad=2)
        )

    def _add_content(self, panel: types.Object, ctx: PanelContext) -> None:
        state, handlers = ctx.panel.get_state, {"on_click": self.click, "on_selected": self.lasso}
        _add_grid(panel, "grid", "References (red: look again)", state("grid_rows"), handlers)
        _add_pages(panel, state("page") or 0, state("pages") or 1, self.turn)
        title = "Near-duplicates, in pairs"
        _add_grid(panel, "duplicates", title, state("duplicates_rows"), handlers)
        title = "Negatives: what these classes are not"
        _add_grid(panel, "negatives", title, state("negatives_rows"), handlers)
        if state("negatives_rows"):
            given = {"action": "remove_negatives", "bank": state("bank")}
            panel.btn(
                "remove_negatives",
                label="Remove negatives",
                on_click=self.press,
                params={"operator": "manage_memory_banks", "given": given},
            )
        if state("predictions"):
            label = f"Show predictions in “{state('predictions')}” among the references"
            panel.btn("place", label=label, icon="scatter_plot", on_click=self.place)
            panel.md("", name="placed")
        _add_plots(panel, handlers)
        _add_table(panel)

    def _open(self, ctx: PanelContext, bank: str | None) -> None:
        """Show a bank, and have its thumbnails made where there are none."""
        if _show(ctx, bank, page=0):
            return
        ctx.prompt(
            f"{PLUGIN_NAME}/make_thumbnails",
            params={"bank": bank},
            on_success=self.on_thumbnails_made,
            skip_prompt=True,
        )


def _show(ctx: PanelContext, bank: str | None, page: int) -> bool:
    """Put what is to be seen of a bank into the panel; whether all of it was there."""
    ctx.panel.set_state("bank", bank)
    ctx.panel.set_state("shown", bank)
    ctx.panel.set_state("problem", None)
    if bank is None:
        return True
    try:
        review = ntt.review_memory_bank(ctx.dataset, bank)
        kept = ntt.load_thumbnails(ctx.dataset, bank)
    except ntt.NttError as error:
        ctx.panel.set_state("problem", str(error))
        return True
    thumbnails = kept or {}
    ctx.panel.set_data("summary", _summary(review))
    ctx.panel.set_state("page", page)
    ctx.panel.set_state("pages", bank_figures.pages(review))
    pairs = bank_figures.duplicate_pairs(review)
    for name, (traces, rows) in {
        "grid": bank_figures.reference_grid(review, thumbnails, page),
        "duplicates": bank_figures.duplicate_grid(pairs, thumbnails),
        "negatives": bank_figures.negative_grid(review.negatives, thumbnails),
    }.items():
        ctx.panel.set_data(name, traces)
        # Under a name of its own: a plot's data lies beside the panel's state.
        ctx.panel.set_state(f"{name}_rows", rows)
    ctx.panel.set_data("similarity", bank_figures.heatmap(review))
    ctx.panel.set_data("scatter", bank_figures.scatter(review, thumbnails))
    ctx.panel.set_data("references", bank_figures.table(review))
    ctx.panel.set_data("placed", "")
    return kept is not None


def _show_predictions(ctx: PanelContext, bank: str, found: dict[str, Any]) -> None:
    """Draw predictions into the references' plane."""
    try:
        review = ntt.review_memory_bank(ctx.dataset, bank)
        thumbnails = ntt.load_thumbnails(ctx.dataset, bank) or {}
    except ntt.NttError as error:
        ctx.panel.set_state("problem", str(error))
        return
    ctx.panel.set_data("scatter", bank_figures.scatter(review, thumbnails, found))
    lines = [f"{len(found['ids'])} predictions of {found['images']} images of this view (dots)."]
    lines += [f"{count} have no place: {reason}." for reason, count in found["left_out"].items()]
    ctx.panel.set_data("placed", " ".join(lines))


def _summary(review: Any) -> str:
    marked = sum(bool(reference.marks) for reference in review.references)
    lines = [
        f"**{len(review.references)} references of {len(review.classes)} classes**, "
        f"{marked} to look at again."
    ]
    if review.negatives:
        lines.append(f"{len(review.negatives)} negatives.")
    alike = [pair for pair in review.confused[:_SHOWN_PAIRS] if pair[2] >= _CONFUSED]
    if alike:
        pairs = ", ".join(f"{one} and {other} ({cosine:.2f})" for one, other, cosine in alike)
        lines.append(f"Classes most alike: {pairs}.")
    return "\n\n".join(lines)


def _add_choice(
    panel: types.Object, banks: list[str], chosen: str | None, on_change: PanelEvent
) -> None:
    view = types.DropdownView()
    for name in banks:
        view.add_choice(name, label=name)
    panel.str("bank", label="Memory bank", default=chosen, view=view, on_change=on_change)


def _add_buttons(panel: types.Object, press: PanelEvent, bank: str | None) -> None:
    for number, buttons in enumerate(_BUTTONS):
        row = panel.h_stack(f"buttons_{number}", gap=2)
        for operator, label in buttons:
            if bank or operator == "build_memory_bank":
                given = {"bank": bank} if operator in _OF_BANK else {}
                params = {"operator": operator, "given": given}
                row.btn(operator, label=label, on_click=press, params=params)


def _add_grid(
    panel: types.Object,
    name: str,
    title: str,
    rows: list[str] | None,
    handlers: Mapping[str, PanelEvent],
) -> None:
    if rows:
        panel.plot(
            name,
            label=title,
            height=bank_figures.grid_height(rows),
            layout=bank_figures.grid_layout(rows),
            **handlers,
        )


def _add_pages(panel: types.Object, page: int, pages: int, turn: PanelEvent) -> None:
    if pages < 2:
        return
    row = panel.h_stack("pages", gap=2)
    for name, label, other in (("back", "Back", page - 1), ("next", "Next", page + 1)):
        if 0 <= other < pages:
            row.btn(name, label=label, on_click=turn, params={"page": other})
    row.md(f"Page {page + 1} of {pages}", name="page_text")


def _add_plots(panel: types.Object, handlers: Mapping[str, PanelEvent]) -> None:
    panel.plot(
        "scatter",
        label="References in their principal plane (crosses: look again)",
        height="380px",
        layout={
            "dragmode": "lasso",
            "showlegend": True,
            "legend": {"orientation": "h", "x": 0, "y": -0.1},
            "margin": {"l": 30, "r": 10, "t": 10, "b": 30},
        },
        **handlers,
    )
    panel.plot(
        "similarity",
        label="Similarity of the classes' prototypes",
        height="380px",
        layout={"margin": {"l": 120, "r": 10, "t": 10, "b": 80}},
    )


def _add_table(panel: types.Object) -> None:
    view = types.TableView(componentsProps={"table": {"sx": {"minWidth": 0}}})
    view.add_column("label", label="Class")
    view.add_column("agreement", label="Agreement with its class (0 to 1)")
    view.add_column("marks", label="Look at")
    view.add_column("suggestion", label="Suggestion")
    view.add_column("id", label="Label id")
    panel.list("references", types.Object(), view=view, label="References")
