"""The Shots Curve panel, in the browser."""

from __future__ import annotations

from typing import Any

import fiftyone_ntt as ntt
from tests.app.driver import App

PANEL = "[data-cy=panel-content-shots_curve_panel]"


def test_shows_a_curve_and_its_classes(app: App, demo: Any) -> None:
    ntt.shots_curve(
        demo[:8],
        demo[8:],
        "ground_truth",
        shots=(1, 2),
        seeds=(0, 1),
        name="harbour_shots",
        models="demo",
        points_per_side=8,
        progress=False,
    )
    app.open_panel("shots_curve_panel")
    panel = app.page.locator(PANEL)
    plot = panel.locator(".js-plotly-plot").first
    plot.locator(".scatterlayer .points path").first.wait_for()
    legend = plot.locator(".legendtext")
    assert legend.all_text_contents() == ["masks AP", "masks AP50", "boxes AP", "boxes AP50"]
    weakest = ntt.load_shots_curve(demo, "harbour_shots").classes()
    for label in weakest:
        panel.get_by_text(label, exact=True).first.wait_for()
    app.page.wait_for_timeout(500)
    app.picture("shots_curve_panel")
