"""What a person made, through the App. Runs after the loop, on the bank that it built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import fiftyone_ntt as ntt
from tests.app.driver import App

FIELD = "checked"  # before "predictions", so that a panel that is opened shows it first
ACCEPTED = 12
CORRECTED = "corrected"
KEPT = f"{ACCEPTED + 1} of yours kept (1 edited, {ACCEPTED} tagged)"


@pytest.fixture(scope="module")
def predicted(demo: Any) -> Iterator[None]:
    """A field of predictions, and a bank: what the loop leaves, where it did not run before."""
    if not ntt.list_memory_banks(demo):
        ntt.build_memory_bank(demo[:2], "ground_truth", models="demo", name="seaside")
    report = ntt.segment(demo, "seaside", FIELD, points_per_side=16, confidence_thresh=0.3)
    assert report.detections > ACCEPTED
    yield
    demo.reload()
    for key, run in ntt.list_prediction_runs(demo).items():
        if run["field"] == FIELD:
            demo.delete_run(key)
    demo.delete_sample_field(FIELD)


EXECUTE = "([uri, params]) => window.__foo__.executeOperator(uri, params)"


def documents(dataset: Any, field: str) -> list[Any]:
    """A field as the database has it, sample by sample."""
    rows = dataset._sample_collection.find({}, {field: 1}).sort("_id", 1)
    return [row.get(field) for row in rows]


def review(dataset: Any) -> None:
    """A person accepts predictions, and gives one another class."""
    ids = dataset.values(f"{FIELD}.detections.id", unwind=True)
    dataset.select_labels(ids=ids[:ACCEPTED], fields=FIELD).tag_labels("accepted", FIELD)
    for sample in dataset.iter_samples(autosave=True):
        for label in sample[FIELD].detections:
            if label.id == ids[ACCEPTED]:
                label.label = CORRECTED


def assert_reviewed(dataset: Any) -> None:
    dataset.reload()
    assert dataset.count_label_tags(FIELD) == {"accepted": ACCEPTED}
    assert dataset.count_values(f"{FIELD}.detections.label")[CORRECTED] == 1


def relabel(app: App, field: str, confidence: str, offered: str) -> None:
    """Relabel as the form has it at first: over the predictions of runs."""
    app.open_form("Relabel with memory bank")
    app.fill("Output field", field)
    app.fill("Confidence threshold", confidence)
    app.expect(offered)
    app.wait_until_executable()
    app.execute()


def undo(app: App, field: str, expected: str) -> None:
    app.open_form("Undo last change")
    app.choose("Field", field)
    app.expect(f"Takes back in field '{field}': run")
    app.expect(expected)
    app.picture("undo")
    app.wait_until_executable()
    app.execute()
    app.expect_done(f"{field}: run taken back in 12 samples")


def test_relabelling_into_what_is_drawn_by_hand(app: App, demo: Any, predicted: None) -> None:
    before, count = documents(demo, "ground_truth"), demo.count("ground_truth.detections")

    relabel(app, "ground_truth", "0.3", "Add to what is there, which stays")
    app.expect_done(f"{count} of yours kept ({count} by hand)")
    after = documents(demo, "ground_truth")
    assert [[label for label in value["detections"] if "run" not in label] for value in after] == [
        value["detections"] for value in before
    ]

    undo(app, "ground_truth", "Nobody changed these labels since")
    assert documents(demo, "ground_truth") == before


def test_reviewed_predictions_survive_and_come_back(app: App, demo: Any, predicted: None) -> None:
    demo.reload()
    review(demo)
    before = documents(demo, FIELD)

    relabel(app, FIELD, "0.9", "what you drew, tagged or edited stays")
    app.expect_done(KEPT)
    app.picture("kept")
    assert_reviewed(demo)

    app.close_panels()
    app.open_panel("memory_bank_panel")
    panel = app.page.locator("[data-cy=panel-content-memory_bank_panel]")
    panel.locator("[data-cy=ntt-reference] img").first.wait_for(timeout=60_000)
    panel.get_by_text(FIELD, exact=True).first.wait_for()
    panel.get_by_role("button", name="Apply to current view").click()
    app.expect_done(KEPT)
    app.picture("applied_around_reviewed")
    assert_reviewed(demo)
    app.close_panels()

    undo(app, FIELD, "Nobody changed these labels since")
    undo(app, FIELD, "Nobody changed these labels since")
    assert documents(demo, FIELD) == before


def test_an_editor_that_is_open_learns_what_was_written(
    app: App, demo: Any, predicted: None
) -> None:
    classes = demo.distinct("ground_truth.detections.label")
    schema = {"type": "detections", "component": "dropdown", "classes": classes, "attributes": []}
    demo.update_label_schema(FIELD, schema)
    demo.activate_label_schemas(FIELD)
    # The editor opens on another run's predictions.
    ntt.segment(demo, "seaside", FIELD, points_per_side=8, overwrite=True, replace_reviewed=True)
    page = app.page
    app.close_panels()
    page.reload()
    page.locator("[data-cy=looker]").first.wait_for()
    page.evaluate(EXECUTE, ["@voxel51/operators/set_active_fields", {"fields": [FIELD]}])
    page.wait_for_timeout(1000)
    page.locator("[data-cy=looker]").first.click()
    modal = page.locator("[data-cy=modal]")
    modal.locator("[data-cy=annotate]").first.click()
    labels = page.locator("[data-cy^=annotate-label-]")
    try:
        edit_what_was_written(app, demo, modal, labels)
    finally:
        page.evaluate(EXECUTE, ["@voxel51/operators/close_sample", {}])
        modal.wait_for(state="detached")


def edit_what_was_written(app: App, demo: Any, modal: Any, labels: Any) -> None:
    page = app.page
    labels.first.wait_for()
    app.picture("editor")

    page.evaluate(EXECUTE, ["@ntt/reference_segmentation/undo_last_change", {"label_field": FIELD}])
    app.expect("run taken back in 12 samples")
    written = documents(demo, FIELD)[0]["detections"]
    page.wait_for_timeout(2000)
    labels.first.click()
    with page.expect_response(lambda found: found.request.method == "PATCH"):
        modal.locator("[data-cy=sidebar] [role=combobox]").last.click()
        options = page.locator("[role=option]:not([aria-selected=true])")
        options.first.click()
    page.wait_for_timeout(4000)  # a refused edit is followed by one that writes all labels back
    app.picture("edited")

    after = documents(demo, FIELD)[0]["detections"]
    assert [label["_id"] for label in after] == [label["_id"] for label in written]
    edited = [old["label"] != new["label"] for old, new in zip(written, after, strict=True)]
    assert sum(edited) == 1
