"""The Memory Bank panel. Runs after the loop, on the bank that it built."""

from __future__ import annotations

from typing import Any

import fiftyone_ntt as ntt
from tests.app.driver import App

PANEL = "[data-cy=panel-content-memory_bank_panel]"


def test_shows_the_bank_and_a_lasso_selects(app: App, demo: Any) -> None:
    if not ntt.list_memory_banks(demo):
        ntt.build_memory_bank(demo[:2], "ground_truth", models="demo", name="seaside")
    app.open_panel("memory_bank_panel")
    panel = app.page.locator(PANEL)
    panel.get_by_text("to look at again").first.wait_for()
    plot = panel.locator(".js-plotly-plot").first
    plot.locator(".scatterlayer .points path").first.wait_for()
    app.page.wait_for_timeout(500)
    app.picture("memory_bank_panel")
    area = plot.locator(".nsewdrag").first.bounding_box()
    app.lasso(area)
    app.page.get_by_text("Samples", exact=True).first.click()
    counts = app.page.locator("[data-cy=entry-counts]")
    counts.get_by_text("2 samples").or_(counts.filter(has_text="2 samples")).first.wait_for()
    app.page.wait_for_timeout(1500)
    app.picture("lasso")
