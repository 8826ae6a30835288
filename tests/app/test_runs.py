"""Runs in the App: nothing lies over it, and what it shows of them is the database's."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.work.leases import holder_of
from tests.app.driver import App

WAIT = 120_000
"""Milliseconds: the server computes beside the browser."""
PANEL = "[data-cy=panel-content-memory_bank_panel]"


@pytest.fixture
def panel(app: App, demo: Any) -> Any:
    """The Memory Bank panel beside the grid, of a dataset with a bank."""
    ntt.build_memory_bank(demo[:2], "ground_truth", models="demo", name="runs", overwrite=True)
    app.close_panels()
    app.open_panel("memory_bank_panel")
    found = app.page.locator(PANEL)
    found.get_by_text("Memory bank").first.wait_for()
    return found


def state(demo: Any, field: str) -> ntt.RunState:
    return next(s for s in ntt.run_states(demo) if s.field == field)


def wait_for(demo: Any, field: str, status: str) -> ntt.RunState:
    deadline = time.monotonic() + WAIT / 1000
    while (found := state(demo, field)).status != status:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def written(demo: Any, field: str) -> int:
    """Samples that hold a run's labels now."""
    count: int = demo._sample_collection.count_documents({f"{field}.run": {"$ne": None}})
    return count


def press(panel: Any, name: str) -> None:
    # Not Playwright's own way, which waits until nothing moves: a bar does.
    button = panel.get_by_role("button", name=name, exact=True).first
    button.evaluate("element => element.click()")


def test_a_run_begun_from_its_form_leaves_the_app_free(app: App, panel: Any, demo: Any) -> None:
    app.open_form("Segment with memory bank")
    app.choose("Memory bank", "runs")
    app.fill("Output field", "live")
    # A grid that no other test has stored proposals of: stored ones are matched in no time.
    app.fill("Points per side", "21")
    app.wait_until_executable()
    app.execute()
    app.form.wait_for(state="detached", timeout=WAIT)
    panel.get_by_text(re.compile(r"\d+ of 12 images")).first.wait_for(timeout=WAIT)
    app.picture("run_card")
    assert app.page.get_by_role("button", name="Done", exact=True).count() == 0
    panel.get_by_text("done, 12 of 12 images").first.wait_for(timeout=WAIT)
    assert (state(demo, "live").status, written(demo, "live")) == ("completed", 12)
    app.page.locator("[data-cy=sidebar-field-live]").first.wait_for()
    app.expect_drawn("live")
    app.picture("run_card_done")


class Elsewhere(threading.Thread):
    """A run of another process than the App's server, which waits for what it is asked."""

    def __init__(self, demo: Any, field: str) -> None:
        super().__init__(daemon=True)
        self.demo, self.field = demo, field

    def run(self) -> None:
        options = {"points_per_side": 4, "store": False, "progress": self.step}
        ntt.segment(self.demo, "runs", self.field, **options)

    def step(self, done: int, total: int) -> None:
        """From the third image on, however slow the browser is, it is not over too soon."""
        while done >= 3 and holder_of(self.demo, self.field).request is None:
            time.sleep(0.1)


def test_a_run_is_paused_reloaded_cancelled_and_resumed(app: App, panel: Any, demo: Any) -> None:
    run = Elsewhere(demo, "slow")
    run.start()
    panel.get_by_text(re.compile(r"slow: \d+ of 12 images")).first.wait_for(timeout=WAIT)
    press(panel, "Pause")
    paused = wait_for(demo, "slow", "paused")
    assert written(demo, "slow") == paused.done > 0
    panel.get_by_text(f"{paused.done} of 12 images · paused").first.wait_for(timeout=WAIT)

    app.page.reload()
    panel.get_by_text(f"{paused.done} of 12 images · paused").first.wait_for(timeout=WAIT)
    app.picture("run_card_paused_and_reloaded")
    assert (state(demo, "slow").status, written(demo, "slow")) == ("paused", paused.done)
    press(panel, "Resume")
    wait_for(demo, "slow", "running")
    panel.get_by_text(re.compile(r"slow: \d+ of 12 images.*images/s")).first.wait_for(timeout=WAIT)
    press(panel, "Cancel")
    cancelled = wait_for(demo, "slow", "cancelled")
    run.join(60)
    assert written(demo, "slow") == cancelled.done == 12 - cancelled.left < 12
    panel.get_by_text(f"cancelled: {cancelled.left} of 12 left").first.wait_for(timeout=WAIT)
    app.picture("run_card_cancelled")

    press(panel, "Resume")
    panel.get_by_text("done, 12 of 12 images").first.wait_for(timeout=WAIT)
    assert (state(demo, "slow").status, written(demo, "slow")) == ("completed", 12)
