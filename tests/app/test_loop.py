"""The loop most users know: tag, build, segment, look, evaluate. Its tests run in this order."""

from __future__ import annotations

from typing import Any

import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.parts import OPERATORS
from tests.app.driver import RUN_DONE, App

BANK = "seaside"


def test_tag_two_references(app: App, demo: Any) -> None:
    app.select_samples(2)
    app.open_form("Tag selection as references")
    app.expect("references")
    app.picture("tag")
    app.execute()
    app.expect_done("labels tagged 'reference'")
    assert len(demo.match_tags("reference")) == 2
    assert demo.count_label_tags("ground_truth") == {
        "reference": demo[:2].count("ground_truth.detections")
    }


def test_build_a_memory_bank(app: App, demo: Any) -> None:
    app.open_form("Build memory bank")
    app.expect("Labels with a tag")
    app.fill("Name", BANK)
    app.choose("Models", "demo")
    app.expect("on this machine")
    app.wait_until_executable()
    app.picture("build")
    app.execute()
    app.expect_done(f"Memory bank '{BANK}'")
    demo.reload()
    (bank,) = ntt.list_memory_banks(demo)
    assert sum(bank.classes.values()) == demo[:2].count("ground_truth.detections")


def test_segment_without_a_dialog(app: App, demo: Any) -> None:
    app.open_form("Segment with memory bank")
    app.fill("Points per side", "16")
    app.fill("Confidence threshold", "0.5")
    app.expect("12 images")
    app.wait_until_executable()
    app.picture("segment")
    app.execute()
    app.form.wait_for(state="detached", timeout=60_000)
    # Told at its end or, of one that takes longer, in the Memory Bank panel, which then opens.
    app.expect(RUN_DONE, timeout=180)
    app.picture("segmented")
    demo.reload()
    assert len(demo.exists("predictions")) == 12
    assert demo.count("predictions.detections") > 0


def test_predictions_are_drawn_in_the_grid(app: App) -> None:
    field = app.page.locator("[data-cy=sidebar-field-predictions]").first
    field.wait_for()
    app.expect_drawn("predictions")
    app.picture("grid")


def test_evaluation_opens_its_panel(app: App, demo: Any) -> None:
    app.open_form("Evaluate predictions")
    app.wait_until_executable()
    app.picture("evaluate")
    app.execute()
    app.expect_done("Evaluated 10 images as ntt, ntt_boxes")
    panel = app.page.locator("[data-cy=panel-content-model_evaluation_panel_builtin]")
    panel.wait_for()
    panel.get_by_text("ntt", exact=True).first.wait_for()
    app.picture("evaluation_panel")
    demo.reload()
    assert demo.list_evaluations() == ["ntt", "ntt_boxes"]


FORMS = [
    ("Sample references", "Seed", "-1", "at least 0"),
    ("Tag selection as references", "Tag", "", "Tag is empty"),
    ("Build memory bank", "Name", BANK, "already has a memory bank"),
    ("Add to memory bank", None, None, "Nothing is selected"),
    ("Import labels", "Field", "a b", "letters, digits and underscores"),
    ("Add negatives to memory bank", "Negatives per class", "0", "at least 1"),
    ("Calibrate memory bank", "Points per side", "0", "from 1 to 128"),
    ("Segment with memory bank", "Output field", "1st", "letters, digits and underscores"),
    ("Relabel with memory bank", "Confidence threshold", "2", "a number from 0 to 1"),
    ("Accept or reject", None, None, "Nothing is selected"),
    ("Teach memory bank", "References and negatives per class", "0", "at least 1"),
    ("Export pre-labels", "New folder", "/tmp/x", "leads out of the exports folder"),
    ("Import corrections", "What the tool saved", "/etc", "leads out of the folders"),
    ("Evaluate predictions", "Evaluation key", "a b", "letters, digits and underscores"),
    ("Boxes to masks", "Output field", "a b", "letters, digits and underscores"),
    ("Visualize memory bank", "Brain key", "a b", "letters, digits and underscores"),
    ("Manage memory banks", "New name", BANK, "already has a memory bank"),
    ("Measure shots curve", "Name", "a b", "letters, digits and underscores"),
    ("Delete a run's predictions", None, None, "Others' detections stay"),
    ("Undo last change", None, None, "Takes back in field"),
]
"""Operator, field and bad value, and what the form then says."""


def test_every_operator_is_among_them() -> None:
    listed = {operator.LABEL for operator in OPERATORS if not operator.UNLISTED}
    assert {form[0] for form in FORMS} == listed


@pytest.mark.parametrize(("operator", "label", "value", "message"), FORMS)
def test_forms_open_and_say_what_is_wrong(
    app: App, operator: str, label: str | None, value: str, message: str
) -> None:
    form = app.open_form(operator)
    if label is not None:
        app.fill(label, value)
    form.get_by_text(message).first.wait_for()
    assert form.get_by_text("Traceback").count() == 0
