"""The documents of the database are, after undoing, those of before: ids and order too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from bson import ObjectId

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.labels import writing
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 6)
    ntt.build_memory_bank(dataset[:2], "ground_truth", models=MODELS, name="colours")
    ntt.build_memory_bank(
        dataset[:2], "ground_truth", models=MODELS, name="two", classes=["red", "blue"]
    )
    return dataset


def documents(scenes: fo.Dataset) -> list[dict[str, Any]]:
    """All documents as the database has them, but for the time of the last write."""
    rows = list(scenes._sample_collection.find().sort("_id", 1))
    for row in rows:
        del row["last_modified_at"]
    return rows


def segment(scenes: Any, bank: str = "colours", **options: Any) -> Any:
    return ntt.segment(scenes, bank, models=MODELS, points_per_side=16, **options)


def relabel(scenes: Any, bank: str, **options: Any) -> Any:
    return ntt.relabel(scenes, bank, points_per_side=16, **options)


def reviewed(scenes: fo.Dataset) -> None:
    """A person tags one prediction, corrects another and draws a third."""
    sample = scenes.first()
    labels = sample["predictions"].detections
    labels[0].tags.append("accepted")
    labels[1].label = "corrected"
    labels.append(fo.Detection(label="mine", bounding_box=[0.9, 0.9, 0.05, 0.05]))
    sample.save()


def test_a_run(scenes: fo.Dataset) -> None:
    before, schema = documents(scenes), list(scenes.get_field_schema())
    report = segment(scenes)
    assert documents(scenes) != before
    assert [entry.labels for entry in ntt.history(scenes)] == [report.detections]

    undone = ntt.undo(scenes)

    assert (undone.samples, undone.kept, undone.change.run) == (6, 0, report.run)
    assert documents(scenes) == before
    assert list(scenes.get_field_schema()) == schema
    assert report.run not in ntt.list_prediction_runs(scenes)
    with pytest.raises(InputError, match="no change of this package to take back"):
        ntt.undo(scenes)
    assert segment(scenes).written == 6


def test_a_run_that_replaced_another(scenes: fo.Dataset) -> None:
    first = segment(scenes)
    reviewed(scenes)
    before = documents(scenes)
    second = relabel(scenes, "two", overwrite=True)
    assert (second.replaced, second.kept) == (16, {"by hand": 1, "tagged": 1, "edited": 1})

    assert ntt.undo(scenes).kept == 0

    assert documents(scenes) == before
    assert list(ntt.list_prediction_runs(scenes)) == [first.run]


def test_an_interrupted_run_is_one_change(scenes: fo.Dataset) -> None:
    before = documents(scenes)

    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment(scenes, progress=interrupt, chunk_size=1)
    segment(scenes)
    assert [entry.samples for entry in ntt.history(scenes)] == [6]
    ntt.undo(scenes)
    assert documents(scenes) == before


def test_a_deletion(scenes: fo.Dataset) -> None:
    run = segment(scenes).run
    reviewed(scenes)
    before, record = documents(scenes), ntt.list_prediction_runs(scenes)
    deleted = ntt.delete_run_predictions(scenes, run)
    assert (deleted.deleted, deleted.kept) == (16, {"tagged": 1, "edited": 1})
    assert ntt.list_prediction_runs(scenes) == {}

    ntt.undo(scenes)

    assert documents(scenes) == before
    assert ntt.list_prediction_runs(scenes) == record


def test_tags(scenes: fo.Dataset) -> None:
    before = documents(scenes)
    ntt.tag_references(scenes[:2], "ground_truth", tag="reference")
    tagged = documents(scenes)
    ntt.sample_references(
        scenes,
        "ground_truth",
        shots=1,
        seed=5,
        tag="reference",
        overwrite=True,
        min_size=1,
        border=0,
    )
    assert documents(scenes) not in (before, tagged)
    assert [(entry.samples, entry.labels) for entry in ntt.history(scenes)][1:] == [(2, 6)]
    ntt.undo(scenes)
    assert documents(scenes) == tagged
    ntt.undo(scenes)
    assert documents(scenes) == before


def test_tags_of_a_person_s_that_came_later_stay(scenes: fo.Dataset) -> None:
    ntt.tag_references(scenes[:1], "ground_truth", tag="reference")
    sample = scenes.first()
    sample["ground_truth"].detections[0].tags.append("good")
    sample.tags.append("mine")
    sample.save()
    expected = ntt.undo(scenes, dry_run=True)
    sample.reload()
    assert sample["ground_truth"].detections[0].tags == ["reference", "good"]
    undone = ntt.undo(scenes)
    assert undone == expected
    sample.reload()
    assert sample["ground_truth"].detections[0].tags == ["good"]
    assert sample.tags == ["mine"]
    assert undone.kept == 1


def test_tags_that_were_there_before_and_that_a_person_took_away_since_stay_away(
    scenes: fo.Dataset,
) -> None:
    sample = scenes.first()
    sample["ground_truth"].detections[0].tags = ["reference"]
    sample.tags = ["reference"]
    sample.save()
    assert ntt.tag_references(scenes[:1], "ground_truth", tag="reference").kept == 1
    assert [entry.labels for entry in ntt.history(scenes)] == [2]
    sample.reload()
    sample["ground_truth"].detections[0].tags = []
    sample.tags = []
    sample.save()

    assert ntt.undo(scenes).kept == 0

    sample.reload()
    assert sample.tags == []
    assert [label.tags for label in sample["ground_truth"].detections] == [[], [], []]


def test_a_tag_that_a_person_puts_while_tags_are_taken_back_stays(
    scenes: fo.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ntt.tag_references(scenes[:1], "ground_truth", tag="reference")
    read, seen = writing._tags_of, []

    def read_and_tag(*args: Any) -> Any:
        found = read(*args)
        if not seen:
            seen.append(found)
            sample = scenes.first()
            sample["ground_truth"].detections[1].tags.append("good")
            sample.tags.append("mine")
            sample.save()
        return found

    monkeypatch.setattr(writing, "_tags_of", read_and_tag)
    assert ntt.undo(scenes).kept == 1

    sample = scenes.first()
    sample.reload()
    assert sample.tags == ["mine"]
    assert [label.tags for label in sample["ground_truth"].detections] == [[], ["good"], []]


def test_boxes_to_masks(scenes: fo.Dataset) -> None:
    before = documents(scenes)
    ntt.boxes_to_masks(scenes, "ground_truth", "masks", models=MODELS)
    ntt.undo(scenes, "masks")
    assert documents(scenes) == before


def test_what_another_process_changed_since_stays(scenes: fo.Dataset) -> None:
    """An edit, a tag, a new label and a deletion after the run; all else goes back."""
    before = documents(scenes)
    segment(scenes)
    sample = scenes.first()
    labels = sample["predictions"].detections
    labels[0].tags.append("accepted")
    labels[1].label = "corrected"
    del labels[2]
    labels.append(fo.Detection(label="mine", bounding_box=[0.9, 0.9, 0.05, 0.05]))
    sample.save()
    mine = [label.id for label in labels]

    there = documents(scenes)
    expected = ntt.undo(scenes, dry_run=True)
    assert documents(scenes) == there and len(ntt.history(scenes)) == 1
    undone = ntt.undo(scenes)

    assert undone == expected and (undone.samples, undone.kept) == (6, 4)
    assert "4 later changes of yours kept" in str(undone)
    sample.reload()
    assert [label.id for label in sample["predictions"].detections] == mine
    after = documents(scenes)
    assert after[1:] == before[1:]


@pytest.mark.parametrize("deleted", [True, False])
def test_samples_that_others_keep_writing_are_still_to_do(
    scenes: fo.Dataset, monkeypatch: pytest.MonkeyPatch, deleted: bool
) -> None:
    """The run stays, or the change in the history, until the last sample is as it should be."""
    before = documents(scenes)
    run = segment(scenes).run

    def act() -> object:
        return ntt.delete_run_predictions(scenes, run) if deleted else ntt.undo(scenes)

    with monkeypatch.context() as patched:
        patched.setattr(writing, "_send", lambda _, updates: list(updates))
        with pytest.raises(InputError, match="others kept writing to 6 samples meanwhile"):
            act()
    assert list(ntt.list_prediction_runs(scenes)) == [run]
    act()
    assert list(ntt.list_prediction_runs(scenes)) == []
    assert scenes.get_field("predictions") is None or scenes.count("predictions.detections") == 0
    while ntt.history(scenes):
        ntt.undo(scenes)
    assert documents(scenes) == before


def test_a_replaced_label_comes_back_beside_an_edit_of_its_successor(scenes: fo.Dataset) -> None:
    segment(scenes)
    old = scenes.first()["predictions"].detections
    relabel(scenes, "two", overwrite=True)
    sample = scenes.first()
    sample["predictions"].detections[0].label = "corrected"
    sample.save()
    edited = sample["predictions"].detections[0].id

    assert ntt.undo(scenes).kept == 1

    sample.reload()
    found = [label.id for label in sample["predictions"].detections]
    assert found == [*(label.id for label in old), edited]


def test_the_fields_have_their_own_history(scenes: fo.Dataset) -> None:
    segment(scenes, label_field="first")
    segment(scenes, label_field="second")
    assert [entry.field for entry in ntt.history(scenes)] == ["second", "first"]
    assert [entry.field for entry in ntt.history(scenes, "first")] == ["first"]
    ntt.undo(scenes, "first")
    assert [entry.field for entry in ntt.history(scenes)] == ["second"]
    assert scenes.get_field("first") is None
    assert all(entry.bytes > 0 for entry in ntt.history(scenes))


def test_a_renamed_field_keeps_its_history(scenes: fo.Dataset) -> None:
    before = documents(scenes)
    segment(scenes)
    scenes.rename_sample_field("predictions", "mine")
    for dry_run in (True, False):
        with pytest.raises(InputError, match=r"was deleted or renamed\. Rename it back"):
            ntt.undo(scenes, dry_run=dry_run)
    scenes.rename_sample_field("mine", "predictions")
    assert ntt.undo(scenes).samples == len(scenes)
    assert documents(scenes) == before


def test_a_deleted_dataset_leaves_no_history(scenes: fo.Dataset, tmp_path: Path) -> None:
    import fiftyone.core.odm as foo

    from fiftyone_ntt.dataset.labels.change_journal import begin_change

    segment(scenes)
    gone: ObjectId = scenes._doc.id
    scenes.delete()
    other = fo.Dataset()
    begin_change(other, "predictions", "tagging", tag="x")
    assert foo.get_db_conn()["fiftyone_ntt.changes"].count_documents({"dataset": gone}) == 0
    other.delete()


class Imported:
    """Scenes and a COCO file of their labels."""

    def __init__(self, scenes: fo.Dataset, folder: Path) -> None:
        self.scenes, self.images = scenes, Path(scenes.first().filepath).parent
        self.file = ntt.export_coco(scenes, "ground_truth", folder / "instances.json").path

    def only(self, *names: str) -> dict[str, Any]:
        """Keep some images in the file."""
        content: dict[str, Any] = json.loads(self.file.read_text())
        content["images"] = [row for row in content["images"] if row["file_name"] in names]
        ids = {image["id"] for image in content["images"]}
        content["annotations"] = [a for a in content["annotations"] if a["image_id"] in ids]
        self.file.write_text(json.dumps(content))
        return content

    def into(self, field: str, **options: Any) -> Any:
        return ntt.import_coco(self.images, self.file, self.scenes, field, **options)


@pytest.fixture
def imported(scenes: fo.Dataset, tmp_path: Path) -> Imported:
    return Imported(scenes, tmp_path)


def dataset_document(scenes: fo.Dataset) -> dict[str, Any]:
    """What the dataset says of itself, but for the times."""
    scenes.reload()
    return {
        "schema": list(scenes.get_field_schema()),
        "info": dict(scenes.info),
        "classes": dict(scenes.classes),
    }


def test_an_import_into_a_new_field(imported: Imported) -> None:
    scenes = imported.scenes
    before, described = documents(scenes), dataset_document(scenes)
    imported.into("again")
    assert documents(scenes) != before

    undone = ntt.undo(scenes)

    assert (undone.change.kind, undone.samples, undone.kept) == ("import", 6, 0)
    assert documents(scenes) == before
    assert dataset_document(scenes) == described
    assert imported.into("again").annotations == 18


def test_an_import_into_a_field_that_is_there(imported: Imported) -> None:
    scenes = imported.scenes
    *_, last_but_one, last = scenes
    content = imported.only(Path(last_but_one.filepath).name, Path(last.filepath).name)
    for sample in (last_but_one, last):
        sample["ground_truth"] = None
        sample.save()
    # One of them has its id from elsewhere.
    last["coco_id"] = next(
        image["id"] for image in content["images"] if last.filepath.endswith(image["file_name"])
    )
    last.save()
    before, described = documents(scenes), dataset_document(scenes)
    assert imported.into("ground_truth").annotations == 6
    assert documents(scenes) != before

    assert ntt.undo(scenes).samples == 2

    assert documents(scenes) == before
    assert dataset_document(scenes) == described


def test_labels_of_an_import_that_somebody_changed_stay(imported: Imported) -> None:
    scenes = imported.scenes
    imported.into("again")
    sample = scenes.first()
    sample["again"].detections[0].label = "corrected"
    sample["again"].detections[1].tags.append("good")
    sample.save()
    mine = [label.id for label in sample["again"].detections[:2]]

    undone = ntt.undo(scenes)

    assert undone.kept == 2
    assert scenes.values("again.detections.id", unwind=True) == mine
    assert scenes.values("again.detections.label", unwind=True)[0] == "corrected"


def test_an_interrupted_import(imported: Imported) -> None:
    scenes = imported.scenes
    before, described = documents(scenes), dataset_document(scenes)

    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imported.into("again", progress=interrupt)
    imported.into("again")
    while ntt.history(scenes):
        ntt.undo(scenes)
    assert documents(scenes) == before
    assert dataset_document(scenes) == described


def test_ids_of_images_stay_while_another_import_has_them(imported: Imported) -> None:
    scenes = imported.scenes
    imported.into("one")
    imported.into("two")
    ids, second = scenes.values("coco_id"), scenes.values("two.detections.id")
    ntt.undo(scenes, "one")
    assert scenes.get_field("one") is None and list(scenes.info["coco"]) == ["two"]
    assert (scenes.values("coco_id"), scenes.values("two.detections.id")) == (ids, second)
    ntt.undo(scenes)
    assert scenes.get_field("two") is None and "coco" not in scenes.info


def test_samples_that_an_import_made_stay_without_its_labels(imported: Imported) -> None:
    scenes = imported.scenes
    path = scenes.last().filepath
    scenes.delete_samples([scenes.last().id])
    assert imported.into("again").images == 6

    ntt.undo(scenes)

    assert scenes.values("filepath")[-1] == path
    assert scenes.get_field("again") is None
