"""Mending a bank by mouse: few clicks, nothing clipped, and the wheel scrolls the panel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from playwright.sync_api import TimeoutError

import fiftyone_ntt as ntt
from benchmarks.bank_worlds import many_classes
from tests.app.conftest import PICTURES, opened_page
from tests.app.driver import RUN_DONE, App

PANEL = "[data-cy=panel-content-memory_bank_panel]"
SIZES = {"small": (1160, 700), "usual": (1600, 900), "wide": (2240, 1100)}
COUNT_CLICKS = """
window.nttClicks = 0;
addEventListener("click", (event) => { if (event.isTrusted) window.nttClicks += 1; }, true);
"""
OUTSIDE = """
(panel) => {
    const box = panel.getBoundingClientRect();
    const said = [];
    for (const element of panel.querySelectorAll("*")) {
        const { left, right, width, height } = element.getBoundingClientRect();
        if (width && height && (right > box.right + 1 || left < box.left - 1)) {
            said.push(`${element.tagName} ${element.className}: ${left} to ${right}`);
        }
        const scrolls = ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
        if (scrolls && element.scrollWidth > element.clientWidth) {
            said.push(`${element.className}: ${element.scrollWidth} in ${element.clientWidth}`);
        }
    }
    return said;
}
"""
SCROLLED = """
(panel) => Math.max(0, ...[...panel.querySelectorAll("*")].map((element) => element.scrollTop))
"""


@pytest.fixture(scope="module")
def wrong(demo: Any) -> Iterator[Any]:
    """The scenes, with a bank that has one reference of a wrong class, and its predictions."""
    bank = ntt.build_memory_bank(demo[:4], "ground_truth", models="demo", name="mended")
    own, other, *_ = sorted(bank.classes, key=lambda name: -bank.class_counts()[name])
    rows = bank.references.classes.tolist()
    first = bank.references.ids[rows.index(bank.classes.index(own))]
    ntt.change_reference_class(demo, "mended", [first], other)
    ntt.segment(demo, "mended", "mending", points_per_side=8, confidence_thresh=0.5)
    yield demo, own
    ntt.delete_memory_bank(demo, "mended")
    demo.delete_sample_field("mending")


@pytest.fixture(scope="module", autouse=True)
def alone(page: Any) -> Iterator[None]:
    """Pages here begin without the panels that earlier tests left: the server keeps layouts. And
    the tab of the others shows their dataset again: it follows to one that then goes."""
    App(page, PICTURES).close_panels()
    address = page.url
    yield
    page.goto(address)
    page.locator("[data-cy=looker]").first.wait_for(timeout=60_000)


def open_bank_panel(app: App) -> Any:
    """The panel, opened where it is not: layouts outlive pages."""
    try:
        app.tab("Memory Bank").wait_for(timeout=8_000)
    except TimeoutError:
        app.open_panel("memory_bank_panel")
    else:
        app.show_tab("Memory Bank")
    panel = app.page.locator(PANEL)
    panel.locator("[data-cy=ntt-reference] img").first.wait_for(timeout=90_000)
    return panel


@pytest.fixture(scope="class")
def opened(browser: Any, server: int, page: Any, wrong: Any) -> Iterator[App]:
    """A page of its own, with the panel open on the wrong bank; clicks are counted."""
    dataset = wrong[0]
    PICTURES.mkdir(exist_ok=True)
    with opened_page(browser, server, dataset) as own:
        own.evaluate(COUNT_CLICKS)
        app = App(own, PICTURES)
        open_bank_panel(app)
        yield app
        own.keyboard.press("Escape")  # of a sample that a test left open
        app.close_panels()


def choose_bank(app: App, name: str) -> Any:
    panel = app.page.locator(PANEL)
    app.page.wait_for_timeout(2500)  # each thing that comes draws the panel anew
    chosen = panel.get_by_role("combobox").first
    if chosen.inner_text().strip() != name:
        chosen.click()
        app.page.get_by_role("option", name=name, exact=True).click()
    panel.locator("[data-cy=ntt-reference] img").first.wait_for(timeout=60_000)
    return panel


def clicks(app: App) -> int:
    return int(app.page.evaluate("window.nttClicks"))


class TestClicks:
    """On one page, which ends before others are opened."""

    def test_a_wrong_reference_is_mended_and_the_images_relabelled(
        self, opened: App, wrong: Any
    ) -> None:
        dataset, own = wrong
        panel = choose_bank(opened, "mended")
        before = clicks(opened)
        counts = ntt.load_memory_bank(dataset, "mended").class_counts()
        panel.get_by_title(f"looks more like {own}").first.click()
        card = panel.locator("[data-cy=ntt-card]")
        card.get_by_text(f"looks more like {own}").first.wait_for()
        opened.page.wait_for_timeout(1500)  # its large picture
        opened.picture("card")
        card.get_by_role("button", name=f"It is {own}", exact=True).click()
        bar = panel.locator("[data-cy=ntt-bar]")
        bar.get_by_text(f"1 reference moved to {own}").wait_for()
        opened.picture("bank_changed")
        changed = ntt.load_memory_bank(dataset, "mended").class_counts()
        assert changed[own] == counts[own] + 1
        bar.get_by_role("button", name="Relabel 12 images", exact=True).click()
        opened.expect(RUN_DONE, timeout=180)
        bar.wait_for(state="detached")
        assert clicks(opened) - before <= 4
        opened.picture("mended")
        dataset.reload()
        summary = next(bank for bank in ntt.list_memory_banks(dataset) if bank.name == "mended")
        runs = [
            run for run in ntt.list_prediction_runs(dataset).values() if run["field"] == "mending"
        ]
        assert any(run["bank_hash"] in summary.content for run in runs)
        flagged = sum(
            bool(row.marks) for row in ntt.review_memory_bank(dataset, "mended").references
        )
        panel.get_by_role("button", name=f"Only flagged ({flagged})", exact=True).wait_for()
        assert panel.locator("[data-cy=ntt-reference].flagged").count() == flagged

        panel.locator("[data-cy=ntt-undo]").click()
        panel.get_by_role("button", name="Relabel 12 images", exact=True).wait_for()
        assert ntt.load_memory_bank(dataset, "mended").class_counts() == counts

    def test_a_prediction_becomes_a_reference(self, opened: App, wrong: Any) -> None:
        dataset, _ = wrong
        panel, page = choose_bank(opened, "mended"), opened.page
        sample = dataset.exists("mending").first()
        best = max(sample.mending.detections, key=lambda label: label.confidence)
        references = len(ntt.load_memory_bank(dataset, "mended").references)
        looker = page.locator("[data-cy=looker]").first
        box = looker.bounding_box()
        looker.click(position={"x": box["width"] - 6, "y": box["height"] - 6})  # not its checkbox
        canvas = page.locator("[data-cy=modal] canvas").first
        canvas.wait_for()
        page.wait_for_timeout(2000)
        before = clicks(opened)
        box = canvas.bounding_box()
        side = min(box["width"], box["height"])
        x, y, width, height = best.bounding_box
        left = box["x"] + (box["width"] - side) / 2 + (x + width / 2) * side
        top = box["y"] + (box["height"] - side) / 2 + (y + height / 2) * side
        page.mouse.move(left, top)
        page.wait_for_timeout(500)
        page.mouse.click(left, top)
        opened.picture("label_selected")
        # Its icon is text, and its name a hint that comes with the mouse.
        page.get_by_text("bookmark_add", exact=True).locator("visible=true").last.click()
        opened.form.get_by_text("1 label").first.wait_for()
        opened.wait_until_executable()
        opened.picture("add_to_bank")
        opened.execute()
        opened.expect("added to memory bank", timeout=60)
        assert clicks(opened) - before <= 3
        assert len(ntt.load_memory_bank(dataset, "mended").references) == references + 1
        page.keyboard.press("Escape")
        panel.get_by_text(f"{references + 1} references").first.wait_for()  # it looks by itself
        opened.picture("added")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """200 classes of two references each."""
    folder: Path = tmp_path_factory.mktemp("many")
    dataset: fo.Dataset = many_classes(folder, classes=200, shots=2, samples=100, width=64)
    yield dataset
    dataset.delete()


@pytest.mark.parametrize("kind", ["few", "many"])
def test_nothing_is_clipped_and_the_wheel_scrolls(
    browser: Any, server: int, page: Any, wrong: Any, many: Any, kind: str
) -> None:
    dataset = many if kind == "many" else wrong[0]
    with opened_page(browser, server, dataset) as own:
        app = App(own, PICTURES)
        panel = open_bank_panel(app)
        for name, (width, height) in SIZES.items():
            own.set_viewport_size({"width": width, "height": height})
            panel.locator("[data-cy=ntt-reference]").first.click()
            panel.locator("[data-cy=ntt-card]").wait_for()
            own.wait_for_timeout(1500)
            app.picture(f"panel_{kind}_{name}")
            assert panel.evaluate(OUTSIDE) == []
            panel.get_by_role("button", name="List", exact=True).click()
            panel.locator("table").first.wait_for()
            assert panel.evaluate(OUTSIDE) == []
            app.picture(f"list_{kind}_{name}")
            panel.get_by_role("button", name="Pictures", exact=True).click()
            panel.locator("[data-cy=ntt-card]").get_by_role("button", name="Close").click()
        panel.locator(".js-plotly-plot").first.wait_for(timeout=60_000)
        app.show(panel.locator(".js-plotly-plot").first)
        before = panel.evaluate(SCROLLED)
        box = panel.locator(".js-plotly-plot").first.bounding_box()
        own.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        own.mouse.wheel(0, -200)
        for _ in range(40):  # plots of 200 classes take their time
            if panel.evaluate(SCROLLED) != before:
                break
            own.wait_for_timeout(250)
        assert panel.evaluate(SCROLLED) == before - 200
        assert panel.evaluate(OUTSIDE) == []
        app.picture(f"plots_{kind}")
        app.close_panels()
