"""Two Apps, each with a server of its own, on one dataset. Runs after the others, on their bank."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import fiftyone_ntt as ntt
from tests.app.conftest import PICTURES, opened_page
from tests.app.driver import App


@pytest.fixture
def colleague(browser: Any, other_server: int, demo: Any) -> Iterator[App]:
    """The other App."""
    with opened_page(browser, other_server, demo) as page:
        driven = App(page, PICTURES)
        yield driven
        driven.picture("end_of_two_apps_colleague")


def manage(app: App, action: str, bank: str, new_name: str = "") -> None:
    app.open_form("Manage memory banks")
    app.choose("Action", action)
    app.choose("Memory bank", bank)
    if new_name:
        app.fill("New name", new_name)
    app.wait_until_executable()
    app.execute()


def test_a_bank_goes_while_the_other_s_form_is_open(app: App, colleague: App, demo: Any) -> None:
    for name in ("shared", "kept"):
        ntt.build_memory_bank(demo[:2], "ground_truth", models="demo", name=name, overwrite=True)
    before = demo.count("ground_truth.detections")

    form = app.open_form("Segment with memory bank")
    app.choose("Memory bank", "shared")
    app.fill("Output field", "late")
    app.wait_until_executable()
    manage(colleague, "Rename", "shared", "renamed")
    colleague.expect("Memory bank 'shared' is now 'renamed'")
    app.execute()
    form.get_by_text("There is no 'shared' here (any more). Choose another.").first.wait_for()
    app.picture("renamed_meanwhile")
    assert form.get_by_text("Traceback").count() == 0

    form = app.open_form("Segment with memory bank")
    app.choose("Memory bank", "renamed")
    app.fill("Output field", "late")
    app.wait_until_executable()
    manage(colleague, "Delete", "renamed")
    colleague.expect("Memory bank 'renamed' is deleted")
    app.execute()
    form.get_by_text("There is no 'renamed' here (any more)").first.wait_for()
    app.picture("deleted_meanwhile")
    assert app.page.get_by_text("Traceback").count() == 0

    demo.reload()
    assert not demo.has_field("late")
    assert demo.count("ground_truth.detections") == before
    names = [bank.name for bank in ntt.list_memory_banks(demo)]
    assert not {"shared", "renamed"} & set(names)


def test_a_field_goes_while_a_run_writes_to_it(app: App, demo: Any) -> None:
    ntt.build_memory_bank(demo[:2], "ground_truth", models="demo", name="slow", overwrite=True)
    app.open_form("Segment with memory bank")
    app.choose("Memory bank", "slow")
    app.fill("Output field", "gone")
    # A grid that no other test has stored proposals of: stored ones are matched in no time.
    app.fill("Points per side", "28")
    app.wait_until_executable()
    app.execute()
    app.expect("of 12 images", timeout=60)
    demo.reload()
    demo.delete_sample_field("gone")
    app.expect("field 'gone' was deleted while run", timeout=60)
    app.picture("field_deleted_meanwhile")
    assert app.page.get_by_text("Traceback").count() == 0
