"""What FiftyOne's own editor leaves, and what is learned of it: classes, masks, deletions, new
labels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.labels.masks import detection_mask
from fiftyone_ntt.dataset.labels.stored_labels import StoredLabel, unpack_array
from tests.app.driver import App

FIELD = "edited"
SIZE = (256, 256)
EXECUTE = "([uri, params]) => window.__foo__.executeOperator(uri, params)"
SAVED = 4000
"""Milliseconds after which the editor has saved what was done."""


@pytest.fixture
def editable(demo: Any) -> Iterator[Any]:
    """Predictions that can be edited; gone again afterwards."""
    if not ntt.list_memory_banks(demo):
        ntt.build_memory_bank(demo[:2], "ground_truth", models="demo", name="seaside")
    ntt.segment(demo, "seaside", FIELD, points_per_side=16, confidence_thresh=0.3)
    ntt.make_editable(demo, FIELD, classes=["heron"])
    yield demo
    demo.reload()
    for key, run in ntt.list_prediction_runs(demo).items():
        if run["field"] == FIELD:
            demo.delete_run(key)
    demo.delete_sample_field(FIELD)


def documents(dataset: Any) -> dict[str, Any]:
    """The first sample's labels by id, as the database has them."""
    row = dataset._sample_collection.find({}, {FIELD: 1}).sort("_id", 1).next()
    return {str(label["_id"]): label for label in row[FIELD]["detections"]}


@pytest.mark.skipif(
    not os.environ.get("FIFTYONE_NTT_EDITS"), reason="`make test-long` edits in the App"
)
def test_every_edit_is_learned_once(app: App, editable: Any) -> None:
    before = documents(editable)
    first, second, *_ = before
    page = app.page
    app.close_panels()
    page.reload()
    page.locator("[data-cy=looker]").first.wait_for()
    page.evaluate(EXECUTE, ["@voxel51/operators/set_active_fields", {"fields": [FIELD]}])
    page.wait_for_timeout(1000)
    page.locator("[data-cy=looker]").first.click()
    modal = page.locator("[data-cy=modal]")
    modal.locator("[data-cy=annotate]").first.click()
    try:
        edit_all(app, modal)
    finally:
        page.evaluate(EXECUTE, ["@voxel51/operators/close_sample", {}])
        modal.wait_for(state="detached")
    drawn = documents(editable)[first]
    # The App drew all of the mask on the screen's grid.
    assert unpack_array(drawn["mask"]).shape != unpack_array(before[first]["mask"]).shape

    report = ntt.learn_from_edits(editable, FIELD, reviewer="ada")
    assert (report.relabelled, report.redrawn, report.rejected, report.added) == (1, 1, 1, 1)
    now = documents(editable)
    edited, gone = now[first], now[second]
    assert (edited["label"], edited["predicted_label"]) == ("heron", before[first]["label"])
    assert (edited["tags"], edited["corrected"]) == (["accepted"], "mask")
    assert (gone["label"], gone["tags"]) == (before[second]["label"], ["rejected"])
    [new] = set(now) - set(before)
    assert (now[new]["tags"], now[new]["corrected"]) == (["accepted"], "added")
    assert_the_rest_stayed(before[first], edited)
    assert str(ntt.learn_from_edits(editable, FIELD)) == "no edits"


def edit_all(app: App, modal: Any) -> None:
    """Another class and a stroke more of the first label, the last deleted, a new one drawn."""
    page = app.page
    labels = page.locator("[data-cy^=annotate-label-]")
    labels.first.click()
    modal.locator("[data-cy=root_label_container] [role=combobox]").last.click()
    page.locator("[role=option]", has_text="heron").first.click()
    page.wait_for_timeout(SAVED)
    page.get_by_label("Brush", exact=True).or_(modal.get_by_title("Brush")).first.click()
    page.wait_for_timeout(500)
    drag(page, [(500, 560), (560, 575), (640, 590)])
    app.picture("edit_mask")
    modal.locator("[data-cy=annotate-edit-back]").first.click()
    page.wait_for_timeout(SAVED)
    labels.last.click()
    modal.locator("[data-cy=label-menu-trigger]").first.click()
    page.get_by_text("Delete", exact=False).first.click()
    page.wait_for_timeout(SAVED)
    modal.locator("[data-cy=detection-mode]").first.click()
    page.wait_for_timeout(500)
    drag(page, [(650, 150), (700, 200), (760, 260)])
    app.picture("edit_new")
    page.wait_for_timeout(SAVED)


def drag(page: Any, points: list[tuple[int, int]]) -> None:
    page.mouse.move(*points[0])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(x, y, steps=8)
    page.mouse.up()
    page.wait_for_timeout(1000)


def assert_the_rest_stayed(before: Any, after: Any) -> None:
    """The stroke begins in the right half of the mask: the left one is as it was."""
    old, new = (detection_mask(StoredLabel(label), SIZE) for label in (before, after))
    assert old is not None and new is not None
    columns = np.flatnonzero(old.any(axis=0))
    middle = int(columns.mean())
    np.testing.assert_array_equal(new[:, :middle], old[:, :middle])
    assert new[:, columns[-1] + 1 :].any()
