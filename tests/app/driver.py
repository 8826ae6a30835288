"""What a person does in the App, by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import TimeoutError

ATTEMPTS = 10
WAIT = 5_000
"""Milliseconds, of one attempt."""
RUN_DONE = re.compile(r"(in|done,) 12 of 12 images")
"""What is said of a run over the demo's scenes: at once where it is quick, else on the run card."""


class App:
    """The App in a browser's tab.

    Attributes:
        page: Playwright's page.
        pictures: folder of the screenshots.
    """

    def __init__(self, page: Any, pictures: Path) -> None:
        self.page = page
        self.pictures = pictures

    def picture(self, name: str) -> Path:
        """A screenshot of the whole window."""
        path = self.pictures / f"{name}.png"
        self.page.screenshot(path=str(path))
        return path

    @property
    def form(self) -> Any:
        """The open form."""
        return self.page.locator("[data-cy=operators-prompt-modal]")

    def open_form(self, label: str) -> Any:
        """Open an operator's form through the operator browser."""
        self.close_form()
        # Not the button above the grid: it hides when panels leave it little room.
        self.page.keyboard.press("`")
        search = self.page.locator("[data-cy=operators-browser-search] input")
        search.or_(self.page.locator("input[data-cy=operators-browser-search]")).first.fill(label)
        browser = self.page.locator("[data-cy=operators-browser]")
        browser.get_by_text(label, exact=True).first.click()
        self.form.wait_for()
        return self.form

    def close_form(self) -> None:
        """Leave whatever form is open, and what an operator said at its end."""
        self._dismiss_result()
        if self.form.count():
            self.page.keyboard.press("Escape")
            self.form.first.wait_for(state="detached")

    def _dismiss_result(self) -> None:
        """Press the button under what an operator said at its end, where there is one."""
        done = self.page.get_by_role("button", name="Done", exact=True)
        if done.count():
            done.first.click()
            done.first.wait_for(state="detached")

    def field(self, label: str) -> Any:
        """The input under a label."""
        return self.form.locator(
            f'xpath=.//p[normalize-space()="{label}"]/following::input[1]'
        ).first

    def unfold(self) -> None:
        """Show what the open form folds away."""
        closed = self.form.locator("[role=button][aria-expanded=false]").filter(has_text="Advanced")
        if closed.count():
            closed.first.click()

    def fill(self, label: str, value: str) -> None:
        """Type into the input under a label, folded away or not."""
        if not self.field(label).count() or not self.field(label).is_visible():
            self.unfold()
        self.field(label).fill(value)

    def choose(self, label: str, option: str) -> None:
        """Choose an option, by how its text begins, in the dropdown under a label."""
        self.form.locator(
            f'xpath=.//p[normalize-space()="{label}"]/following::*[@role="combobox"][1]'
        ).first.click()
        self.page.locator("[role=option]").filter(has_text=option).first.click()

    def expect(self, text: str, timeout: float = 20) -> Any:
        """Wait until a text is to be seen."""
        # Of several, one may be on its way out: a message of the operator before, for instance.
        found = self.page.get_by_text(text).locator("visible=true").first
        found.wait_for(timeout=timeout * 1000)
        return found

    def expect_samples(self, count: str) -> None:
        """Wait until the grid says that it shows so many."""
        shown = self.page.locator("[data-cy=entry-counts]")
        shown.filter(has_text=re.compile(rf"^\s*{count}\s*$")).first.wait_for()

    def execute(self) -> None:
        """Press the form's button."""
        self.form.get_by_role("button", name="Execute", exact=True).click()

    def expect_done(self, text: str) -> None:
        """Wait for an operator's closing words, and for its form to go."""
        self.expect(text, timeout=180)
        self._dismiss_result()
        self.form.wait_for(state="detached")

    def wait_until_executable(self) -> None:
        """Wait until the form takes what was filled in."""
        button = self.form.get_by_role("button", name="Execute", exact=True)
        button.and_(self.page.locator(":not([disabled])")).wait_for()

    def select_samples(self, count: int) -> None:
        """Tick the boxes of the first samples in the grid."""
        for index in range(count):
            looker = self.page.locator("[data-cy=looker]").nth(index)
            looker.hover()
            looker.click(position={"x": 12, "y": 12})

    def toggle_field(self, field: str) -> None:
        """Draw, or stop drawing, the labels of a field."""
        self.page.locator(f"[data-cy=checkbox-{field}]").first.click()

    def grid_pixels(self) -> bytes:
        """What the first thumbnail looks like."""
        pixels: bytes = self.page.locator("[data-cy=looker]").first.screenshot()
        return pixels

    def expect_drawn(self, field: str) -> None:
        """Wait until the grid draws the labels of a field that is ticked in the sidebar."""
        # Of overlays that are switched while the grid loads, FiftyOne may draw none.
        self.page.wait_for_timeout(WAIT)
        self.toggle_field(field)
        self.page.wait_for_timeout(1500)
        without = self.grid_pixels()
        self.toggle_field(field)  # once: switching often is what FiftyOne's overlays do not survive
        for _ in range(3 * ATTEMPTS):
            self.page.wait_for_timeout(1000)
            if self.grid_pixels() != without:
                return
        raise AssertionError(f"The grid draws no labels of {field!r}.")

    def open_panel(self, name: str) -> None:
        """Open a panel beside the grid, through the plus beside the tabs."""
        self.page.locator("[data-cy=new-panel-btn]").last.click()
        self.page.locator(f"[data-cy=new-panel-option-{name}]").first.click()

    def tab(self, title: str) -> Any:
        """The tab of an open panel."""
        return self.page.locator("[data-cy^=panel-tab-]").filter(has_text=title).first

    def show_tab(self, title: str) -> None:
        """Bring a panel to the front, where others lie over it."""
        self.tab(title).click()

    def header_button(self, label: str) -> Any:
        """A button at the top of the window; its name is its tooltip."""
        return self.page.get_by_label(label, exact=True).first

    def close_panels(self) -> None:
        """Close all panels but the grid."""
        closing = self.page.locator("[data-cy^=panel-tab-]").get_by_title("Close")
        while count := closing.count():
            closing.last.click()
            closing.nth(count - 1).wait_for(state="detached")
        self.page.wait_for_timeout(1500)  # the server learns of it a little later

    def click_point(self, plot: Any) -> None:
        """Click the first point of a plot, which takes clicks on what it sees hovered over."""
        point = plot.locator(".scatterlayer .points path").first
        for _ in range(ATTEMPTS):
            point.hover(force=True)
            try:
                plot.locator(".hoverlayer .hovertext").first.wait_for(timeout=WAIT)
            except TimeoutError:  # drawn anew meanwhile
                self.page.mouse.move(0, 0)
                continue
            return point.click(force=True)  # type: ignore[no-any-return]
        raise AssertionError("The plot shows no text for its first point.")

    def show(self, found: Any) -> Any:
        """Scroll to something; not Playwright's own way, which waits until nothing moves."""
        found.evaluate("element => element.scrollIntoView({block: 'center'})")
        return found

    def lasso(self, area: dict[str, float]) -> None:
        """Draw around everything in a part of the page."""
        left, top = area["x"] + 3, area["y"] + 3
        right, bottom = left + area["width"] - 6, top + area["height"] - 6
        self.page.mouse.move(left, top)
        self.page.mouse.down()
        for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
            self.page.mouse.move(x, y, steps=5)
        self.page.mouse.up()
