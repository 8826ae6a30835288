"""What a run replaces in a sample, and what stays because it is a person's."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from bson import ObjectId

from fiftyone_ntt.dataset.labels.change_journal import begin_change
from fiftyone_ntt.dataset.labels.fields import declare_detections
from fiftyone_ntt.dataset.labels.prediction_writing import (
    WritePolicy,
    remove_predictions,
    write_predictions,
)

OLD, NEW = "ntt_predictions_0000aaaa", "ntt_predictions_1111bbbb"
SIZE = (60, 80)


def detection(x: int, label: str = "a", **values) -> fo.Detection:
    mask = np.zeros(SIZE, bool)
    mask[10:30, x : x + 10] = True
    return fo.Detection.from_mask(mask, label=label, **values)


def document(*labels: fo.Detection, run: str) -> dict:
    for label in labels:
        label["run"] = run
    return {**fo.Detections(detections=list(labels)).to_mongo().to_dict(), "run": run}


@pytest.fixture
def sample(dataset: fo.Dataset, tmp_path: Path) -> fo.Sample:
    declare_detections(dataset, "predictions", {})
    found = fo.Sample(filepath=str(tmp_path / "a.png"))
    dataset.add_sample(found)
    return found


def write(sample: fo.Sample, *labels: fo.Detection, run: str = NEW, **policy):
    dataset = sample._dataset
    made = {sample.id: document(*labels, run=run)}
    return write_predictions(dataset, "predictions", made, WritePolicy(run, **policy), None)


def labels_of(sample: fo.Sample) -> list[tuple[str, str | None]]:
    sample.reload()
    held = sample["predictions"]
    return (
        []
        if held is None
        else [(d.label, d.get_attribute_value("run", None)) for d in held.detections]
    )


def test_other_runs_give_way_only_if_asked(sample: fo.Sample) -> None:
    write(sample, detection(0), run=OLD)
    refused = write(sample, detection(0, "b"))
    assert list(refused.failures) == [sample.id]
    assert f"predictions of {OLD}" in refused.failures[sample.id]
    assert labels_of(sample) == [("a", OLD)]

    done = write(sample, detection(0, "b"), overwrite=True)
    assert labels_of(sample) == [("b", NEW)]
    kept = done.samples[sample.id]
    assert (kept.replaced, dict(kept.kept), kept.written) == (1, {}, 1)


def test_what_a_person_drew_stays_under_every_option(sample: fo.Sample) -> None:
    sample["predictions"] = fo.Detections(detections=[detection(0, "mine")])
    sample.save()

    done = write(sample, detection(0, "b"), detection(40), overwrite=True, replace_reviewed=True)

    assert labels_of(sample) == [("mine", None), ("a", NEW)]
    kept = done.samples[sample.id]
    assert (kept.replaced, dict(kept.kept), kept.covered) == (0, {"by hand": 1}, 1)


@pytest.mark.parametrize(
    ("edit", "owner"),
    [
        (lambda label: label.tags.append("checked"), "tagged"),
        (lambda label: setattr(label, "label", "corrected"), "edited"),
        (lambda label: setattr(label, "bounding_box", [0.5, 0.5, 0.1, 0.1]), "edited"),
        (lambda label: setattr(label, "mask", ~label.mask), "edited"),
    ],
)
def test_what_a_person_reviewed_stays_unless_named(sample: fo.Sample, edit, owner: str) -> None:
    write(sample, detection(0), detection(20), detection(40), run=OLD)
    sample.reload()
    edit(sample["predictions"].detections[1])
    sample.save()
    reviewed = sample["predictions"].detections[1].id

    done = write(sample, detection(60, "b"), overwrite=True)
    kept = done.samples[sample.id]
    assert (kept.replaced, dict(kept.kept), kept.written) == (2, {owner: 1}, 1)
    sample.reload()
    assert sample["predictions"].detections[0].id == reviewed

    # The run has written the sample itself since: that makes nothing untouched.
    third = write(sample, detection(0, "c"), run=OLD, overwrite=True)
    assert dict(third.samples[sample.id].kept) == {owner: 1}
    sample.reload()
    assert sample["predictions"].detections[0].id == reviewed

    again = write(sample, detection(60, "c"), run=NEW, overwrite=True, replace_reviewed=True)
    assert labels_of(sample) == [("c", NEW)]
    assert again.samples[sample.id].replaced == 2


def test_what_a_run_adds_to_leaves_its_edited_predictions_edited(sample: fo.Sample) -> None:
    write(sample, detection(0))
    sample.reload()
    sample["predictions"].detections[0].label = "corrected"
    sample.save()
    write(sample, detection(20), add=True)
    done = write(sample, detection(40), run=OLD, overwrite=True)
    assert labels_of(sample)[0] == ("corrected", NEW)
    assert dict(done.samples[sample.id].kept) == {"edited": 1}
    assert len(sample["predictions"].detections) == 2


def test_beside_a_label_that_stays_the_same_object_is_not_written_twice(sample: fo.Sample) -> None:
    sample["predictions"] = fo.Detections(detections=[detection(0, "mine")])
    sample.save()
    # IoU of a shift by 3 of 10 is 7/13, of 4 it is 6/14.
    done = write(sample, detection(3, "same"), detection(4, "other"), overwrite=True)
    assert labels_of(sample) == [("mine", None), ("other", NEW)]
    assert done.samples[sample.id].covered == 1


def test_predictions_of_earlier_versions_are_counted_as_such(sample: fo.Sample) -> None:
    old = document(detection(0), detection(20, tags=["checked"]), run=OLD)
    sample._dataset._sample_collection.update_one(
        {"_id": ObjectId(sample.id)}, {"$set": {"predictions": old}}
    )
    done = write(sample, detection(40, "b"), overwrite=True)
    kept = done.samples[sample.id]
    assert (kept.replaced, kept.unknown, dict(kept.kept)) == (1, 1, {"tagged": 1})


def test_a_sample_that_has_the_run_s_predictions_is_left(sample: fo.Sample) -> None:
    write(sample, detection(0))
    before = labels_of(sample)
    done = write(sample, detection(0), detection(20))
    assert (done.skipped, done.samples) == ([sample.id], {})
    assert labels_of(sample) == before


def test_what_is_no_list_of_detections_by_now_is_left(sample: fo.Sample) -> None:
    sample._dataset._sample_collection.update_one(
        {"_id": ObjectId(sample.id)}, {"$set": {"predictions": "a note of mine"}}
    )
    done = write(sample, detection(0), overwrite=True, replace_reviewed=True)
    assert "something else than Detections" in done.failures[sample.id]
    found = sample._dataset._sample_collection.find_one({"_id": ObjectId(sample.id)})
    assert found["predictions"] == "a note of mine"


def test_a_sample_that_is_gone_is_said_to_be(sample: fo.Sample) -> None:
    dataset = sample._dataset
    gone = str(ObjectId())
    made = {gone: document(detection(0), run=NEW)}
    done = write_predictions(dataset, "predictions", made, WritePolicy(NEW), None)
    assert done.failures == {gone: "the sample was deleted meanwhile"}


def test_removing_a_run_leaves_what_a_person_made_of_it(sample: fo.Sample) -> None:
    write(sample, detection(0), detection(20), detection(40), run=OLD)
    sample.reload()
    sample["predictions"].detections[0].tags.append("checked")
    sample["predictions"].detections[1].label = "corrected"
    sample["predictions"].detections.append(detection(60, "mine"))
    sample.save()
    change = begin_change(sample._dataset, "predictions", "deletion", run=OLD)

    kept = remove_predictions(sample._dataset, "predictions", OLD, False, change)

    assert (kept.replaced, dict(kept.kept)) == (1, {"tagged": 1, "edited": 1})
    assert labels_of(sample) == [("a", OLD), ("corrected", OLD), ("mine", None)]
    everything = remove_predictions(sample._dataset, "predictions", OLD, True, None)
    assert everything.replaced == 2
    assert labels_of(sample) == [("mine", None)]
