"""The Memory Bank panel: what is in a bank, and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.panels import bank_browser, bank_figures, run_card, threshold, trying
from fiftyone_ntt.plugin.panels.contents import Choice
from fiftyone_ntt.plugin.panels.selecting import select_places
from fiftyone_ntt.plugin.shared.context import Context, PanelContext, PanelEvent
from fiftyone_ntt.plugin.shared.plugin_name import PLUGIN_NAME
from fiftyone_ntt.plugin.shared.shown_errors import tell_error

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
_EVENTS = (
    "browse",
    "refresh",
    "look",
    "remove",
    "change_class",
    "undo",
    "relabel",
    "rebuild",
    "open_sample",
    "show_in_grid",
    "press",
)
"""Methods that the script of the list calls."""


_SHRINKING = {"grid": {"sx": {"gridTemplateColumns": "minmax(0, 1fr)"}}}
"""FiftyOne's own columns never get narrower than the plots in them were."""
_CUT = {"container": {"style": {"minWidth": 0, "overflow": "hidden"}}}
"""Of a plot: until it is drawn anew for a narrower panel, it does not widen that."""


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
        chosen = threshold.chosen_bank(ctx)
        self._open(ctx, chosen if chosen in banks else next(iter(banks), None))

    on_change_dataset = on_load

    def execute(self, ctx: Context) -> Any:
        """As every panel; but looks that find all as it was draw nothing anew."""
        method = ctx.params.get("__method__")
        if method == "look":
            return self.look(ctx)
        if method == "tick" and isinstance(ctx, PanelContext) and not run_card.tick(ctx):
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
            trying.forget(ctx)
            self._open(ctx, ctx.params["value"])

    def look(self, ctx: Context) -> dict[str, Any]:
        """What the script asks every few seconds: what is shown may be changed anywhere."""
        bank, tags = ctx.params.get("bank"), None
        try:
            version = bank_browser.version(ctx, bank, ctx.params.get("field"))
            if bank and ctx.params.get("tags"):
                tags = bank_browser.said_of_tags(ctx, bank)
        except ntt.NttError:
            return {"version": None}
        return {"version": version, "tags": tags}

    def refresh(self, ctx: PanelContext) -> None:
        """Something changed elsewhere."""
        threshold.forget_counts(ctx)
        self.on_load(ctx)

    def browse(self, ctx: PanelContext) -> None:
        """Another page, or others of the references, are asked for."""
        bank = threshold.chosen_bank(ctx)
        try:
            review = ntt.review_memory_bank(ctx.dataset, bank)
            missing = bank_browser.show_page(ctx, bank, review, _choice(ctx))
        except ntt.NttError as error:
            ctx.panel.set_state("problem", tell_error("The bank", error))
            return
        self._draw(ctx, bank, missing)

    def on_thumbnails_made(self, ctx: PanelContext) -> None:
        """The thumbnails of a page are made."""
        asked = ctx.params.get("original_params") or {}
        bank = threshold.chosen_bank(ctx)
        if bank == asked.get("bank"):
            review = ntt.review_memory_bank(ctx.dataset, bank)
            bank_browser.show_page(ctx, bank, review, Choice.of(asked.get("choice")))

    def remove(self, ctx: PanelContext) -> None:
        """A reference, or a negative, is to leave the bank."""
        bank, name = threshold.chosen_bank(ctx), ctx.params["id"]
        if ctx.params.get("negative"):
            self._change(ctx, lambda: ntt.remove_negatives(ctx.dataset, bank, [name]))
        else:
            self._change(ctx, lambda: ntt.remove_references(ctx.dataset, bank, [name]))

    def change_class(self, ctx: PanelContext) -> None:
        """A reference is to stand for another class."""
        bank, name, label = threshold.chosen_bank(ctx), ctx.params["id"], ctx.params["label"]
        self._change(ctx, lambda: ntt.change_reference_class(ctx.dataset, bank, [name], label))

    def undo(self, ctx: PanelContext) -> None:
        """The last change of the bank is to be taken back."""
        bank = threshold.chosen_bank(ctx)
        self._change(ctx, lambda: ntt.undo_bank_change(ctx.dataset, bank))

    def relabel(self, ctx: PanelContext) -> None:
        """Relabel the current view with the bank as it is now, and else as it was labelled."""
        if not threshold.relabel(ctx, on_success=self.on_relabelled):
            self.on_load(ctx)

    def rebuild(self, ctx: PanelContext) -> None:
        """Open the form that builds the bank again."""
        given = {"name": threshold.chosen_bank(ctx), "overwrite": True}
        ctx.prompt(
            f"{PLUGIN_NAME}/build_memory_bank", params=given, on_success=self.on_operator_done
        )

    def open_sample(self, ctx: PanelContext) -> None:
        """Open the sample that a reference lies on."""
        ctx.ops.open_sample(id=ctx.params["sample"])

    def show_in_grid(self, ctx: PanelContext) -> None:
        """Select a reference in the grid."""
        self._select(ctx, [f"//{ctx.params['id']}"])

    def click(self, ctx: PanelContext) -> None:
        """A point was clicked in the plane."""
        self._select(ctx, [ctx.params["id"]])

    def lasso(self, ctx: PanelContext) -> None:
        """Points were lassoed in the plane; a click is a lasso around nothing, too."""
        places = [point["id"] for point in ctx.params["data"]]
        if places:
            self._select(ctx, places)

    def on_found(self, ctx: PanelContext) -> None:
        """It is known where references are that are to be selected."""
        asked = ctx.params.get("original_params") or {}
        _select_known(ctx, asked.get("bank"), asked.get("places") or [])

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
        self._open(ctx, ctx.panel.get_state("bank"))

    def try_out(self, ctx: PanelContext) -> None:
        """What the bank would write is to be seen, on a few images."""
        trying.ask(ctx, on_success=self.on_tried)

    def on_tried(self, ctx: PanelContext) -> None:
        """It is known what the bank would write."""
        trying.show(ctx)

    def segment_all(self, ctx: PanelContext) -> None:
        """What was tried is to be written, for all images of the view."""
        trying.segment_all(ctx, on_success=self.on_operator_done)

    def place(self, ctx: PanelContext) -> None:
        """The predictions were asked for, among the references."""
        ctx.prompt(
            f"{PLUGIN_NAME}/place_predictions",
            params={
                "bank": threshold.chosen_bank(ctx),
                "label_field": threshold.chosen_field(ctx),
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
        """An operator that a button opened has run: it may have changed banks and predictions."""
        self.refresh(ctx)

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
            params = {"operator": "build_memory_bank"}
            panel.btn("build", label="Build memory bank", on_click=self.press, params=params)
        if state("problem"):
            panel.md(f"**{state('problem')}**", name="problem")
            given = {"operator": "manage_memory_banks", "given": {"bank": bank}}
            panel.btn("manage", label="Manage", on_click=self.press, params=given)
        elif bank:
            self._add_content(panel, ctx)
        return types.Property(
            panel,
            view=types.GridView(
                orientation="vertical", columns=1, gap=2, pad=2, componentsProps=_SHRINKING
            ),
        )

    def _add_content(self, panel: types.Object, ctx: PanelContext) -> None:
        state = ctx.panel.get_state
        bank_browser.add_browser(panel, {name: self.method_to_uri(name) for name in _EVENTS})
        threshold.add_section(panel, ctx, self.choose_predictions, self.slide, self.apply)
        trying.add_section(panel, ctx, self.try_out, self.segment_all, self.open_sample)
        if field := threshold.chosen_field(ctx):
            label = f"Show predictions in “{field}” among the references"
            panel.btn("place", label=label, icon="scatter_plot", on_click=self.place)
            panel.md("", name="placed")
        _add_plots(panel, self.click, self.lasso, state("class_count") or 0)

    def _open(self, ctx: PanelContext, bank: str | None) -> None:
        """Show a bank, and have the thumbnails made that are not there."""
        self._draw(ctx, bank, _show(ctx, bank))

    def _draw(self, ctx: PanelContext, bank: str | None, missing: list[str]) -> None:
        if not missing:
            return
        choice = ctx.params.get("choice")
        ctx.prompt(
            f"{PLUGIN_NAME}/make_thumbnails",
            params={"bank": bank, "ids": missing, "choice": choice},
            on_success=self.on_thumbnails_made,
            skip_prompt=True,
        )

    def _change(self, ctx: PanelContext, change: Callable[[], object]) -> None:
        """Change the bank, and show it as it is then."""
        try:
            change()
        except ntt.NttError as error:
            ctx.ops.notify(tell_error("Changing the bank", error), variant="error")
        self._open(ctx, threshold.chosen_bank(ctx))

    def _select(self, ctx: PanelContext, places: list[str]) -> None:
        """Select points in the grid; of references it may first have to be found where they are."""
        bank = threshold.chosen_bank(ctx)
        wanted = [place[2:] for place in places if place.startswith("//")]
        known = ntt.load_thumbnails(ctx.dataset, bank, wanted) if bank and wanted else {}
        missing = [name for name in wanted if bank and name not in known]
        if not missing:
            _select_known(ctx, bank, places)
            return
        ctx.prompt(
            f"{PLUGIN_NAME}/make_thumbnails",
            params={"bank": bank, "ids": missing, "places": places},
            on_success=self.on_found,
            skip_prompt=True,
        )


def _choice(ctx: PanelContext) -> Choice:
    """What the script looks at."""
    return Choice.of(ctx.params.get("choice"))


def _select_known(ctx: PanelContext, bank: str | None, places: list[str]) -> None:
    """Select points in the grid, as far as it is known where their labels are."""
    wanted = [place[2:] for place in places if place.startswith("//")]
    known = ntt.load_thumbnails(ctx.dataset, bank, wanted) if bank and wanted else {}
    found = [place for place in places if not place.startswith("//")]
    for name in wanted:
        label = known.get(name)
        if label is not None:
            found.append(f"{label.sample_id}/{label.field}/{label.label_id}")
    select_places(ctx, found)


def _show(ctx: PanelContext, bank: str | None) -> list[str]:
    """Put what is to be seen of a bank into the panel; returns which thumbnails are to be made."""
    ctx.panel.set_state("bank", bank)
    ctx.panel.set_state("shown", bank)
    ctx.panel.set_state("problem", None)
    if not bank:
        return []
    try:
        review = ntt.review_memory_bank(ctx.dataset, bank)
        bank_browser.show_head(ctx, bank, review, _buttons(bank))
        missing = bank_browser.show_page(ctx, bank, review, _choice(ctx))
    except ntt.NttError as error:
        ctx.panel.set_state("problem", tell_error("The bank", error))
        return []
    ctx.panel.set_state("class_count", len(review.classes))
    bank_browser.show_data(ctx, "similarity", bank_figures.heatmap(review))
    bank_browser.show_data(ctx, "scatter", bank_figures.scatter(review))
    ctx.panel.set_data("placed", "")
    return missing


def _show_predictions(ctx: PanelContext, bank: str, found: dict[str, Any]) -> None:
    """Draw predictions into the references' plane."""
    try:
        review = ntt.review_memory_bank(ctx.dataset, bank)
    except ntt.NttError as error:
        ctx.panel.set_state("problem", tell_error("The bank", error))
        return
    bank_browser.show_data(ctx, "scatter", bank_figures.scatter(review, found))
    lines = [f"{len(found['ids'])} predictions of {found['images']} images of this view (dots)."]
    lines += [f"{count} have no place: {reason}." for reason, count in found["left_out"].items()]
    ctx.panel.set_data("placed", " ".join(lines))


def _add_choice(
    panel: types.Object, banks: list[str], chosen: str | None, on_change: PanelEvent
) -> None:
    view = types.DropdownView()
    for name in banks:
        view.add_choice(name, label=name)
    panel.str("bank", label="Memory bank", default=chosen, view=view, on_change=on_change)


def _buttons(bank: str) -> list[list[dict[str, Any]]]:
    """Those of a bank, as the script draws them."""
    return [
        [
            {
                "operator": operator,
                "label": label,
                "given": {"bank": bank} if operator in _OF_BANK else {},
            }
            for operator, label in row
        ]
        for row in _BUTTONS
    ]


def _add_plots(panel: types.Object, click: PanelEvent, lasso: PanelEvent, class_count: int) -> None:
    panel.plot(
        "scatter",
        label="References in their principal plane (crosses: look again)",
        height="380px",
        config=bank_figures.NO_ZOOM,
        componentsProps=_CUT,
        layout={
            "dragmode": "lasso",
            "showlegend": class_count <= bank_figures.LEGEND_CLASSES,
            "legend": {"orientation": "h", "x": 0, "y": -0.1},
            "margin": {"l": 30, "r": 10, "t": 10, "b": 30},
        },
        on_click=click,
        on_selected=lasso,
    )
    most = bank_figures.MAP_CLASSES
    which = f", of the {most} classes most alike" if class_count > most else ""
    panel.plot(
        "similarity",
        label=f"Similarity of the classes' prototypes{which}",
        height="380px" if class_count <= 20 else "640px",
        config=bank_figures.NO_ZOOM,
        componentsProps=_CUT,
        layout={"margin": {"l": 120, "r": 10, "t": 10, "b": 80}},
    )
