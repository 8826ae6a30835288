"""The grid keeps its place and its selection, and what is needed daily is at hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

import fiftyone_ntt as ntt
from tests.app.conftest import VIEWPORT
from tests.app.driver import App

DAILY = (
    "Tag selection as references",
    "Build memory bank",
    "Segment with memory bank",
    "Evaluate predictions",
)
FIELD = "again"
SCROLLED = """element => {
    for (let at = element; at; at = at.parentElement)
        if (at.scrollHeight > at.clientHeight + 50 && getComputedStyle(at).overflowY !== "visible")
            return at.scrollTop;
    return -1;
}"""


@pytest.fixture
def low(app: App) -> Iterator[App]:
    """A window so low that the grid of twelve samples has to be scrolled."""
    app.close_panels()  # others' tests leave some open
    app.page.set_viewport_size({"width": VIEWPORT["width"], "height": 430})
    yield app
    app.page.set_viewport_size(VIEWPORT)


def scrolled(app: App) -> int:
    found: int = app.page.locator("[data-cy=looker]").last.evaluate(SCROLLED)
    return found


def test_the_grid_stays_put_after_tagging_and_after_bank_work(low: App, demo: Any) -> None:
    app = low
    looker = app.page.locator("[data-cy=looker]").last
    looker.wait_for()
    looker.hover()
    app.page.mouse.wheel(0, 150)
    app.page.wait_for_timeout(800)
    looker.hover()
    looker.click(position={"x": 12, "y": 12})
    selected = app.page.get_by_text("1", exact=True).locator("visible=true").first
    selected.wait_for()
    place = scrolled(app)
    assert place > 30

    for label in DAILY:
        assert app.header_button(label).is_visible(), label
    app.header_button(DAILY[0]).click()
    app.form.wait_for()
    app.fill("Tag", "kept")
    app.wait_until_executable()
    app.execute()
    app.expect_done("tagged 'kept'")
    app.page.wait_for_timeout(1500)
    assert abs(scrolled(app) - place) < 30 and selected.is_visible()
    assert demo.match_tags("kept").values("id") == [demo.last().id]

    app.header_button(DAILY[1]).click()
    app.form.wait_for()
    app.fill("Name", "staying")
    app.wait_until_executable()
    app.execute()
    app.expect_done("Memory bank 'staying'")
    app.page.wait_for_timeout(1500)
    app.picture("staying_put")
    assert abs(scrolled(app) - place) < 30 and selected.is_visible()
    demo.reload()
    ntt.delete_memory_bank(demo, "staying")
    ntt.undo(demo, "ground_truth")
    looker.hover()
    looker.click(position={"x": 12, "y": 12})


def test_the_panel_opens_from_the_header(app: App) -> None:
    app.header_button("Memory Bank panel").click()
    panel = app.page.locator("[data-cy=panel-content-memory_bank_panel]")
    panel.wait_for()
    for label in DAILY:
        assert app.header_button(label).is_visible(), label
    app.picture("opened_from_the_header")
    app.close_panels()


def test_a_second_segmentation_after_a_changed_bank_takes_three_clicks(app: App, demo: Any) -> None:
    build(demo, 1)
    ntt.segment(demo[:2], "changed", FIELD, points_per_side=8)
    build(demo, 2)
    clicks = []

    def click(found: Any) -> None:
        found.click()
        clicks.append(found)

    click(app.header_button(DAILY[2]))
    app.form.wait_for()
    app.fill("Output field", FIELD)  # no part of what is counted, as is the next
    app.fill("Points per side", "8")
    replacing = app.form.get_by_text("Replace").first
    replacing.wait_for()
    app.form.get_by_text("of runs in 2 images").first.wait_for()
    click(replacing)
    app.wait_until_executable()
    app.picture("second_segmentation")
    click(app.form.get_by_role("button", name="Execute", exact=True))
    deadline = time.monotonic() + 120
    while len(demo.exists(FIELD)) < 12 and time.monotonic() < deadline:
        app.page.wait_for_timeout(500)
        demo.reload()
    assert len(clicks) <= 3 and not demo.has_field(f"{FIELD}_2")
    assert len(demo.distinct(f"{FIELD}.run")) == 1
    app.close_form()
    ntt.delete_memory_bank(demo, "changed")
    demo.delete_sample_field(FIELD)


def build(demo: Any, references: int) -> None:
    """The bank, of some samples' labels."""
    ntt.build_memory_bank(
        demo[:references], "ground_truth", models="demo", name="changed", overwrite=True
    )
