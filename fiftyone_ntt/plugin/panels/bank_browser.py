"""The Memory Bank panel's list of references: what its script shows, and the changes it asks for.

Which page is looked at, and which reference is open, is the script's own business
(`plugin/app.js`); it says so with each event.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.panels import contents, threshold
from fiftyone_ntt.plugin.panels.contents import Choice
from fiftyone_ntt.plugin.shared.context import Context, PanelContext
from fiftyone_ntt.plugin.shared.plugin_name import PLUGIN_NAME
from fiftyone_ntt.plugin.shared.prediction_run import last_run
from fiftyone_ntt.plugin.shared.slices import shown_images

COMPONENT = "NttBankBrowser"
"""As `plugin/app.js` registers it."""
NAME = "contents"
"""Of the panel's data: its `head` is of the bank, its `page` of what is listed, both as JSON."""
_CONFUSED = 0.5
"""Cosine of two prototypes from which their classes are worth a line."""
_SHOWN_PAIRS = 5


def add_browser(panel: types.Object, events: Mapping[str, str]) -> None:
    """Lay it out.

    Args:
        panel: to add it to.
        events: URIs of the panel's methods, by what the script calls them.
    """
    view = types.View(component=COMPONENT, composite_view=True, events=dict(events))
    panel.define_property(NAME, types.Object(), view=view)


def show_head(ctx: PanelContext, bank: str, review: Any, buttons: Any) -> None:
    """Put what is said of the bank as a whole into the panel.

    Args:
        ctx: of the panel's event.
        bank: its name.
        review: of it.
        buttons: rows of them: `operator`, `label` and what is `given` to its form.
    """
    alike = [pair for pair in review.confused[:_SHOWN_PAIRS] if pair[2] >= _CONFUSED]
    summary = _summary(ctx, bank)
    head = {
        "bank": bank,
        "version": version(ctx, bank, threshold.chosen_field(ctx)),
        "references": len(review.references),
        "flagged": sum(bool(row.marks) for row in review.references),
        "negatives": len(review.negatives),
        "classes": contents.class_counts(review),
        "alike": [[one, other, round(cosine, 2)] for one, other, cosine in alike],
        "change": None if summary is None else summary.change,
        "relabel": None if summary is None else _outdated(ctx, summary),
        "predictions": threshold.chosen_field(ctx),
        "operators": f"{PLUGIN_NAME}/",
        "buttons": buttons,
    }
    show_data(ctx, f"{NAME}.head", json.dumps(head))


def show_page(ctx: PanelContext, bank: str, review: Any, choice: Choice) -> list[str]:
    """Put a page of references or negatives into the panel.

    Returns:
        Ids of those whose pictures are still to be made.
    """
    found = contents.chosen(review, choice)
    rows, number, pages = contents.page_of(found, choice)
    wanted = contents.wanted_pictures(rows)
    thumbnails = ntt.load_thumbnails(ctx.dataset, bank, wanted)
    page = {
        "show": choice.show,
        "search": choice.search,
        "page": number,
        "pages": pages,
        "count": len(found),
        "items": contents.items(review, rows, thumbnails),
    }
    show_data(ctx, f"{NAME}.page", json.dumps(page))
    return [name for name in wanted if name not in thumbnails]


def show_data(ctx: PanelContext, key: str, value: object) -> None:
    """Put data into the panel, in place of what is there.

    Whatever an input is changed, the App copies all data to the panel's state; it then shows both
    merged, lists by position: of a longer one the end would stay. So the copy goes; and as one may
    come at any time, what is listed is text, which is not merged.
    """
    ctx.panel.set_state(key.partition(".")[0], None)
    ctx.panel.set_data(key, value)


def version(ctx: Context, bank: str | None, field: str | None) -> str:
    """Changes when the banks do, or what the predictions were made with."""
    banks = [[found.name, str(found.created), found.change] for found in _summaries(ctx)]
    run = last_run(ctx, field) if field else None
    made = None if run is None else [run["bank"], run["bank_hash"], run["status"]]
    of = json.dumps([ctx.dataset.name, bank, banks, made], default=str)
    return hashlib.sha256(of.encode()).hexdigest()[:16]


def _summaries(ctx: Context) -> list[Any]:
    return ntt.list_memory_banks(ctx.dataset)


def _summary(ctx: Context, bank: str) -> Any:
    return next((found for found in _summaries(ctx) if found.name == bank), None)


def _outdated(ctx: PanelContext, summary: Any) -> dict[str, Any] | None:
    """The predictions that were made with this bank as it was before, if they were."""
    field = threshold.chosen_field(ctx)
    run = last_run(ctx, field)
    if run is None or run["bank"] != summary.name or not summary.content:
        return None
    if run["bank_hash"] in summary.content:
        return None
    return {"field": field, "images": len(shown_images(ctx))}


def said_of_tags(ctx: Context, bank: str) -> dict[str, int] | None:
    """How many references were tagged when the bank was built, and are, if they are others."""
    changed = ntt.tagged_references_changed(ctx.dataset, bank)
    return None if changed is None else {"then": changed[0], "now": changed[1]}
