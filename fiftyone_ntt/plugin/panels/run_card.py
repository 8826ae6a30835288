"""The Memory Bank panel's run card: what runs are at, and what can be done about it.

All of it is the database's: run records, who holds which field, what can be undone. So it is the
same in every tab, after a reload, and for scheduled runs. A timer asks; only where other buttons
are needed is the panel drawn anew, and texts and bars are its data.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import fiftyone.core.dataset as fod
import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.panels.run_texts import (
    GOING,
    FailureGroup,
    describe_run,
    group_failures,
    share_done,
)
from fiftyone_ntt.plugin.shared.app_refreshing import refresh_message, schema_mark
from fiftyone_ntt.plugin.shared.context import PanelContext, PanelEvent
from fiftyone_ntt.plugin.shared.plugin_name import PLUGIN_NAME
from fiftyone_ntt.plugin.shared.shown_errors import tell_error
from fiftyone_ntt.plugin.shared.starts import Starts

_FAST, _SLOW = 1000, 4000
"""Milliseconds between two looks: while a run goes on, and otherwise."""
_MOST_GROUPS = 3
"""Reasons of failures that are shown; the rest is counted."""
FAILED_TAG = "failed"
"""Given to samples on request."""


class Card(NamedTuple):
    """A run, or what was begun and is none yet, as JSON.

    Attributes:
        key: of the run or the start.
        phase: its status, `preparing` or `problem`.
        field: written to; empty where there is none yet.
        buttons: what each does, its label, and of failures the number of their group.
        bar: whether it has one.
    """

    key: str
    phase: str
    field: str
    buttons: list[list[Any]]
    bar: bool


def load(ctx: PanelContext) -> None:
    """Look for the first time: whatever has ended before is known."""
    ctx.panel.set_state("run_seen", _latest(ctx))
    cards, texts = _look(ctx)
    # A run that has begun may have made a field that the App does not know yet.
    begun = any(card.bar or card.phase in ("preparing", *GOING) for card in cards)
    ctx.panel.set_state("run_mark", None if begun else schema_mark(ctx.dataset))
    _show(ctx, cards, texts)


def tick(ctx: PanelContext) -> bool:
    """Look again; whether the panel is to be drawn anew. Has the grid show what a run wrote."""
    before = [Card(*card) for card in ctx.panel.get_state("run_cards") or []]
    seen = ctx.panel.get_state("run_seen")
    cards, texts = _look(ctx)
    latest = _latest(ctx)
    if latest != seen:
        ctx.panel.set_state("run_seen", latest)
        if not any(card.phase in ("running", "pausing", "cancelling") for card in cards):
            _refresh(ctx)  # not at a run's begin: nothing is written yet, and the grid would jump
    if cards == before:
        _show_texts(ctx, texts)
        return False
    _show(ctx, cards, texts)
    return True


def press(ctx: PanelContext, on_done: PanelEvent) -> None:
    """A button of a card was pressed.

    Args:
        ctx: of the event; its parameters are those of the button.
        on_done: called when an operator that it opens has run.
    """
    given = ctx.params
    try:
        _ACTIONS[given["action"]](ctx, given, on_done)
    except ntt.NttError as error:
        # It ended in the same moment, for instance; the card says so below.
        ctx.ops.notify(tell_error("This", error), variant="warning")
    tick(ctx)


def add_cards(panel: types.Object, ctx: PanelContext, tick: PanelEvent, press: PanelEvent) -> None:
    """Lay out the cards, and the timer that asks again.

    Args:
        panel: to lay them out in.
        ctx: of the panel's event.
        tick: the panel's method that calls `tick`.
        press: the one that calls `press`.
    """
    cards = [Card(*card) for card in ctx.panel.get_state("run_cards") or []]
    for number, card in enumerate(cards):
        box = panel.v_stack(f"run_{number}", gap=1)
        box.md("", name="text")
        if card.bar:
            box.float("bar", view=types.ProgressView(label=""))
        if card.buttons:
            row = box.h_stack("buttons", gap=2)
            for position, (action, label, group) in enumerate(card.buttons):
                params = {"action": action, "key": card.key, "field": card.field, "group": group}
                row.btn(f"{action}_{position}", label=label, on_click=press, params=params)
    going = any(card.bar or card.phase == "preparing" for card in cards)
    interval = _FAST if going else _SLOW
    panel.view("run_timer", types.TimerView(interval=interval, on_interval=tick))


def _look(ctx: PanelContext) -> tuple[list[Card], list[dict[str, Any]]]:
    """The cards there are, and each one's text and bar."""
    found: list[tuple[Card, dict[str, Any]]] = []
    for start in Starts(ctx.dataset).all():
        if start.problem is not None:
            card = Card(start.key, "problem", "", [["dismiss", "Dismiss", None]], False)
            found.append((card, {"text": f"**{start.problem}**"}))
        else:
            card = Card(start.key, "preparing", "", [], False)
            found.append((card, {"text": f"**{start.label}**: preparing"}))
    states = ntt.run_states(ctx.dataset)
    going = [state for state in states if state.status in GOING]
    for state in going or states[:1]:
        found.append(_card(ctx, state))
    return [card for card, _ in found], [shown for _, shown in found]


def _card(ctx: PanelContext, state: ntt.RunState) -> tuple[Card, dict[str, Any]]:
    bar = state.status in GOING and bool(state.images)
    groups = _groups(ctx, state)
    card = Card(state.run, state.status, state.field, _buttons(ctx, state, groups), bar)
    return card, {"text": describe_run(state, groups[:_MOST_GROUPS]), "bar": share_done(state)}


def _groups(ctx: PanelContext, state: ntt.RunState) -> list[FailureGroup]:
    """The failures of a run that has ended, by reason, the most frequent first."""
    if state.status in GOING or not state.failed:
        return []
    return _groups_of(ctx.dataset.name, state.run, state.updated)


@lru_cache(maxsize=8)
def _groups_of(dataset_name: str, run: str, ended: datetime) -> list[FailureGroup]:
    """Kept, for a run that ended at some time: its failures no longer change."""
    dataset = fod.load_dataset(dataset_name)
    failures = ntt.run_failures(dataset, run)
    images = dataset.select(list(failures))
    paths = dict(zip(*images.values(["id", "filepath"]), strict=True))
    return group_failures({key: failures[key] for key in paths}, paths)


def _buttons(ctx: PanelContext, state: ntt.RunState, groups: list[FailureGroup]) -> list[list[Any]]:
    if state.status == "running":
        return [["pause", "Pause", None], ["cancel", "Cancel", None]]
    if state.status in ("paused", "pausing"):
        return [["resume", "Resume", None], ["cancel", "Cancel", None]]
    if state.status == "cancelling":
        return []
    buttons: list[list[Any]] = []
    if state.left and state.continuable:
        buttons.append(["continue", "Resume", None])
    for number, group in enumerate(groups[:_MOST_GROUPS]):
        buttons.append(["failed", f"Show {len(group.ids)} failed", number])
        buttons.append(["tag", f"Tag {len(group.ids)}", number])
        if group.unsegmented:
            buttons.append(["segment", f"Segment {len(group.ids)}", number])
    if _can_undo(ctx, state):
        buttons.append(["undo", "Undo", None])
    return buttons


def _can_undo(ctx: PanelContext, state: ntt.RunState) -> bool:
    """Whether a run is the last change of its field."""
    changes = ntt.history(ctx.dataset, state.field, newest=1)
    return any((change.kind, change.run) == ("run", state.run) for change in changes)


def _latest(ctx: PanelContext) -> list[Any]:
    """What tells that a run began, was paused or ended since."""
    return [
        [state.run, str(state.updated), state.status in GOING]
        for state in ntt.run_states(ctx.dataset)[:1]
    ]


def _show(ctx: PanelContext, cards: list[Card], texts: list[dict[str, Any]]) -> None:
    ctx.panel.set_state("run_cards", [list(card) for card in cards])
    _show_texts(ctx, texts)


def _show_texts(ctx: PanelContext, texts: list[dict[str, Any]]) -> None:
    for number, shown in enumerate(texts):
        ctx.panel.set_data(f"run_{number}", shown)


def _refresh(ctx: PanelContext) -> None:
    """Have the grid show what was written."""
    refresh_message(ctx, ctx.panel.get_state("run_mark"))
    ctx.panel.set_state("run_mark", schema_mark(ctx.dataset))


def _pause(ctx: PanelContext, given: dict[str, Any], on_done: PanelEvent) -> None:
    ntt.pause_run(ctx.dataset, given["key"])


def _resume(ctx: PanelContext, given: dict[str, Any], on_done: PanelEvent) -> None:
    ntt.resume_run(ctx.dataset, given["key"])


def _cancel(ctx: PanelContext, given: dict[str, Any], on_done: PanelEvent) -> None:
    ntt.cancel_run(ctx.dataset, given["key"])


def _continue(ctx: PanelContext, given: dict[str, Any], on_done: PanelEvent) -> None:
    _prompt(ctx, "continue_run", {"run": given["key"]}, on_done, skip=True)


def _undo(ctx: PanelContext, given: dict[str, Any], on_done: PanelEvent) -> None:
    _prompt(ctx, "undo_last_change", {"label_field": given["field"]}, on_done)


def _dismiss(ctx: PanelContext, given: dict[str, Any], on_done: PanelEvent) -> None:
    Starts(ctx.dataset).forget(given["key"])


def _show_failed(ctx: PanelContext, given: dict[str, Any], on_done: PanelEvent) -> None:
    ctx.ops.show_samples(_failed_ids(ctx, given))


def _tag_failed(ctx: PanelContext, given: dict[str, Any], on_done: PanelEvent) -> None:
    """Tag the failed samples, for them to be found again when the run is forgotten."""
    ids = _failed_ids(ctx, given)
    ctx.dataset.select(ids).tag_samples(FAILED_TAG)
    ctx.ops.reload_samples()
    ctx.ops.notify(f"{len(ids)} samples tagged {FAILED_TAG!r}.", variant="success")


def _segment_failed(ctx: PanelContext, given: dict[str, Any], on_done: PanelEvent) -> None:
    """Open the form on the failed samples alone, as the run was made."""
    ctx.ops.show_samples(_failed_ids(ctx, given))
    run = ntt.list_prediction_runs(ctx.dataset)[given["key"]]
    proposals = run["proposal_settings"] or {}
    params = {
        "bank": run["bank"],
        "label_field": run["field"],
        "mode": run["mode"],
        "points_per_side": proposals.get("points_per_side"),
        "crops": str(proposals.get("crops", 0)),
        "view_target": "CURRENT_VIEW",
    }
    given_answers = {name: value for name, value in params.items() if value is not None}
    _prompt(ctx, "segment_with_memory_bank", given_answers, on_done)


def _failed_ids(ctx: PanelContext, given: dict[str, Any]) -> list[str]:
    state = next(s for s in ntt.run_states(ctx.dataset) if s.run == given["key"])
    return _groups(ctx, state)[given["group"]].ids


def _prompt(
    ctx: PanelContext, name: str, params: dict[str, Any], on_done: PanelEvent, skip: bool = False
) -> None:
    ctx.prompt(f"{PLUGIN_NAME}/{name}", params=params, on_success=on_done, skip_prompt=skip)


_ACTIONS: dict[str, Callable[[PanelContext, dict[str, Any], PanelEvent], None]] = {
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "continue": _continue,
    "undo": _undo,
    "dismiss": _dismiss,
    "failed": _show_failed,
    "tag": _tag_failed,
    "segment": _segment_failed,
}
