"""The Memory Bank panel. Runs after the loop, on the bank that it built."""

from __future__ import annotations

import re
from typing import Any

import pytest

import fiftyone_ntt as ntt
from tests.app.driver import App

PANEL = "[data-cy=panel-content-memory_bank_panel]"


@pytest.fixture(scope="module", autouse=True)
def predicted(demo: Any) -> None:
    """What the loop leaves, where it did not run before."""
    if not ntt.list_memory_banks(demo):
        ntt.build_memory_bank(demo[:2], "ground_truth", models="demo", name="seaside")
    if not demo.has_field("predictions"):
        ntt.segment(demo, "seaside", points_per_side=16, confidence_thresh=0.5)


@pytest.fixture
def panel(app: App) -> Any:
    """The panel, opened where it is not."""
    found = app.page.locator(PANEL)
    if app.tab("Memory Bank").count():
        app.show_tab("Memory Bank")
    else:
        app.open_panel("memory_bank_panel")
    # The thumbnails come last; each thing that comes draws the panel anew.
    found.locator("[data-cy=ntt-reference] img").first.wait_for(timeout=60_000)
    app.page.wait_for_timeout(2000)
    return found


def test_a_bank_is_tried_before_anything_is_written(app: App, panel: Any, demo: Any) -> None:
    before = demo.values("predictions.detections.id")
    others = panel.locator("img").count()
    app.show(panel.get_by_role("button", name="Try on a few images")).click()
    said = panel.get_by_text("nothing is written").first
    said.wait_for(timeout=120_000)
    assert re.search(r"\d+ → \d+ predictions on 6 images", said.inner_text())
    pictures = panel.locator("img").nth(others + 5)
    pictures.wait_for()
    app.show(pictures)
    app.page.wait_for_timeout(500)
    app.picture("tried")
    demo.reload()
    assert demo.values("predictions.detections.id") == before
    assert panel.get_by_role("button", name="Segment all").is_visible()


def test_the_slider_counts_and_applies(app: App, panel: Any, demo: Any) -> None:
    slider = panel.locator(".MuiSlider-root").first
    app.show(slider)
    track = slider.bounding_box()
    middle = track["y"] + track["height"] / 2
    app.page.mouse.move(track["x"] + 0.5 * track["width"], middle)
    app.page.mouse.down()
    app.page.mouse.move(track["x"] + 0.7 * track["width"], middle, steps=5)
    app.page.mouse.up()
    counted = panel.get_by_text(re.compile(r"at 0\.(6[6-9]|7[0-4]) or more")).first
    counted.wait_for()
    aim = float(re.search(r"at ([0-9.]+) or more", counted.inner_text())[1])
    confidences = demo.values("predictions.detections.confidence", unwind=True)
    at_least = sum(value >= aim for value in confidences)
    assert f"{at_least} of {len(confidences)} predictions" in counted.inner_text()
    app.picture("memory_bank_panel")
    assert 0 < at_least < len(confidences)

    panel.get_by_role("button", name="Apply to current view").click()
    left = panel.get_by_text(f"{at_least} of {at_least} predictions").first
    left.wait_for(timeout=180_000)
    app.picture("applied")
    demo.reload()
    assert demo.count("predictions.detections") == at_least


def test_shows_the_references_as_square_thumbnails(app: App, panel: Any, demo: Any) -> None:
    bank = ntt.load_memory_bank(demo, "seaside")
    pictures = panel.locator("[data-cy=ntt-reference] img")
    pictures.nth(len(bank.references) - 1).wait_for()
    app.show(pictures.first)
    app.picture("thumbnails")
    assert pictures.count() == len(bank.references)
    box = pictures.first.bounding_box()
    assert abs(box["width"] - box["height"]) < 1


def test_a_lasso_selects(app: App, panel: Any) -> None:
    plot = panel.locator(".js-plotly-plot").first
    plot.locator(".scatterlayer .points path").first.wait_for()
    app.show(plot)
    app.page.wait_for_timeout(500)
    app.lasso(plot.locator(".nsewdrag").first.bounding_box())
    app.expect_samples("2 samples")
    app.page.wait_for_timeout(1500)
    app.picture("lasso")


def test_predictions_are_shown_among_the_references(app: App, panel: Any) -> None:
    plot = panel.locator(".js-plotly-plot").first
    before = plot.locator(".scatterlayer .points path").count()
    panel.get_by_role("button", name="Show predictions").click()
    panel.get_by_text("images of this view (dots)").first.wait_for(timeout=60_000)
    app.page.wait_for_timeout(1000)
    app.show(plot)
    assert plot.locator(".scatterlayer .points path").count() > before
    app.picture("predictions_in_the_plane")


@pytest.mark.parametrize(
    ("button", "form"),
    [
        ("Build another", "Build memory bank"),
        ("Add negatives", "Add negatives to memory bank"),
        ("Manage", "Manage memory banks"),
        ("Segment", "Segment with memory bank"),
        ("Relabel", "Relabel with memory bank"),
        ("Evaluate", "Evaluate predictions"),
        ("Visualize", "Visualize memory bank"),
    ],
)
def test_each_button_opens_its_form(app: App, panel: Any, button: str, form: str) -> None:
    found = panel.get_by_role("button", name=button, exact=True)
    app.show(found)
    found.click()
    app.form.wait_for()
    app.form.get_by_text(form).first.wait_for()
    assert app.form.get_by_text("Traceback").count() == 0
