"""A bank learns what was decided, and a whole round can be taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()
OPTIONS: dict[str, Any] = {"points_per_side": 8, "progress": False}


@pytest.fixture
def found(dataset: fo.Dataset, tmp_path: Path, store: Any) -> fo.Dataset:
    """Five images with predictions of a bank of references on the first."""
    add_scenes(dataset, tmp_path, 5)
    bank = ntt.build_memory_bank(dataset[:1], "ground_truth", models=MODELS, name="colours")
    ntt.segment(dataset, bank, "found", store=store, models=MODELS, **OPTIONS)
    return dataset


def labels(dataset: fo.Dataset) -> dict[str, Any]:
    """The predictions by id, as the database has them."""
    dataset.reload()
    return {label.id: label for sample in dataset for label in sample.found.detections}


def documents(dataset: fo.Dataset) -> list[Any]:
    rows = dataset._sample_collection.find({}, {"found": 1}).sort("_id")
    return [row["found"] for row in rows]


def of_class(dataset: fo.Dataset, name: str) -> list[str]:
    return [key for key, label in labels(dataset).items() if label.label == name]


def taught(dataset: fo.Dataset, **options: Any) -> ntt.TeachReport:
    return ntt.teach(dataset, "colours", "found", models=MODELS, progress=False, **options)


def relabelled(dataset: fo.Dataset, store: Any) -> None:
    ntt.relabel(dataset, "colours", "found", overwrite=True, store=store, **OPTIONS)


def test_accepted_become_references_and_rejected_negatives(found: fo.Dataset) -> None:
    red, blue = of_class(found, "red"), of_class(found, "blue")
    before = ntt.load_memory_bank(found, "colours")
    ntt.accept(found, "found", red[:2])
    ntt.reject(found, "found", blue[:1])
    ntt.relabel_as(found, "found", blue[1:2], "heron")
    report = taught(found)
    assert str(report) == "colours: 3 references and 1 negative learned; version 2"
    assert report.references == {"red": 2, "heron": 1} and report.negatives == {"blue": 1}
    bank = ntt.load_memory_bank(found, "colours")
    assert set(bank.references.ids) == {*before.references.ids, *red[:2], blue[1]}
    assert bank.negatives.ids == (f"rejected:{blue[0]}",)
    assert bank.negative_origins == ("rejected",)
    assert bank.classes[bank.negatives.classes[0]] == "blue" and "heron" in bank.classes
    assert ntt.list_bank_versions(found, "colours")[0].change == "taught: 3 accepted, 1 rejected"
    # Nothing new is no new version.
    again = taught(found)
    assert str(again) == "colours: nothing learned; version 2"


def test_what_is_decided_otherwise_later_is_withdrawn(found: fo.Dataset) -> None:
    red, blue = of_class(found, "red"), of_class(found, "blue")
    ntt.accept(found, "found", red[:2])
    ntt.reject(found, "found", blue[:1])
    taught(found)
    ntt.reject(found, "found", red[:1])
    ntt.relabel_as(found, "found", red[1:2], "heron")
    ntt.accept(found, "found", blue[:1])
    report = taught(found)
    assert report.withdrawn == 3
    bank = ntt.load_memory_bank(found, "colours")
    classes = {
        name: bank.classes[k]
        for name, k in zip(bank.references.ids, bank.references.classes.tolist(), strict=True)
    }
    assert red[0] not in classes
    assert (classes[red[1]], classes[blue[0]]) == ("heron", "blue")
    assert bank.negatives.ids == (f"rejected:{red[0]}",)


def test_few_of_many_are_chosen(found: fo.Dataset) -> None:
    red, blue = of_class(found, "red"), of_class(found, "blue")
    ntt.accept(found, "found", [*red, *blue[:1]])
    ntt.reject(found, "found", blue[1:])
    report = taught(found, per_class=2)
    assert report.references == {"red": 2, "blue": 1} and report.negatives == {"blue": 2}
    assert report.left_out == len(red) + len(blue) - 5
    # The others are there for the next time.
    assert taught(found, per_class=2).references == {"red": 2}


def test_a_wrong_mask_at_an_accepted_place_is_no_negative(found: fo.Dataset) -> None:
    red, *_ = of_class(found, "red")
    [sample] = found.select_labels(ids=[red], fields="found")
    x, y, width, height = labels(found)[red].bounding_box
    part = fo.Detection(label="red", bounding_box=[x, y, width, 0.8 * height], confidence=0.4)
    whole = found[sample.id]
    whole.found.detections.append(part)
    whole.save()
    ntt.accept(found, "found", [red])
    ntt.reject(found, "found", [part.id])
    assert str(taught(found)) == "colours: 1 reference learned; version 2"


def test_a_round_keeps_decisions_and_can_be_undone(found: fo.Dataset, store: Any) -> None:
    before = documents(found)
    bank = ntt.load_memory_bank(found, "colours")
    red, blue = of_class(found, "red"), of_class(found, "blue")
    ntt.accept(found, "found", red[:2])
    ntt.reject(found, "found", blue[:1])
    held = {key: labels(found)[key] for key in (*red[:2], blue[0])}
    taught(found)
    relabelled(found, store)
    now = labels(found)
    for key, label in held.items():
        assert now[key].to_dict() == label.to_dict()
    # Neither comes back beside what was decided, at the same place.
    for key, decided in held.items():
        same = [
            label
            for other, label in now.items()
            if other != key
            and label.label == decided.label
            and label["proposal"] == decided["proposal"]
        ]
        assert same == []
    assert len(ntt.review_queue(found, "found")) == len(now) - 3
    # A whole round: the run, the decisions, and what the bank learned.
    assert ntt.undo(found, "found").change.kind != "decisions"
    assert ntt.undo(found, "found").change.kind == "decisions"
    ntt.undo_bank_change(found, "colours")
    assert documents(found) == before
    assert ntt.load_memory_bank(found, "colours").references.ids == bank.references.ids


def test_a_decision_on_a_replaced_prediction_follows_it(found: fo.Dataset, store: Any) -> None:
    queue = ntt.review_queue(found, "found")
    red = [item for item in queue if item.label == "red"]
    ntt.accept(found, "found", [red[0].label_id])
    taught(found)
    relabelled(found, store)  # behind the back of somebody who still has the old queue
    ids = [item.label_id for item in queue if item.label_id != red[0].label_id]
    assert not set(ids) & set(labels(found))
    report = ntt.reject(found, "found", ids)
    assert report.followed + len(report.changed) == len(ids) and report.followed
    assert report.gone == () and report.decided == report.followed


def test_what_teaches_nothing_is_said(found: fo.Dataset) -> None:
    with pytest.raises(InputError, match="nothing was decided of the predictions"):
        taught(found)
    with pytest.raises(InputError, match="per_class is 0"):
        taught(found, per_class=0)
