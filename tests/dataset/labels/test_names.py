"""Names are looked at before anything is written under them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.core.odm as foo
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.labels.names import check_new_field, is_kept_attribute, is_kept_field
from fiftyone_ntt.errors import InputError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

MODELS = colour_models()
KEPT = ["to_mongo", "clean", "field_names", "id", "filepath", "tags", "metadata", "copy", "save"]
OF_VIEWS = ["sample_id", "type", "iou", "crowd"]


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    """Two labelled scenes, a bank, and a run's predictions."""
    add_scenes(dataset, tmp_path, 2)
    bank = ntt.build_memory_bank(dataset, "ground_truth", models=MODELS, name="all")
    ntt.segment(dataset, bank, models=MODELS, points_per_side=8, store=tmp_path / "store")
    ntt.export_coco(dataset, "ground_truth", tmp_path / "instances.json")
    return dataset


def state(dataset: fo.Dataset) -> Any:
    """All that a database holds of a dataset."""
    database = foo.get_db_conn()
    query = {"_dataset_id": dataset._doc.id}
    return (
        list(dataset._sample_collection.find()),
        database["datasets"].find_one({"_id": dataset._doc.id}, {"last_loaded_at": 0}),
        list(database["runs"].find(query)),
        list(database["fiftyone_ntt.changes"].find({"dataset": dataset._doc.id})),
    )


def refused(dataset: fo.Dataset, message: str, act: Callable[[], object]) -> None:
    before = state(dataset)
    with pytest.raises(InputError, match=message):
        act()
    assert state(dataset) == before


def lock(dataset: fo.Dataset, *paths: str) -> None:
    for path in paths:
        field = dataset.get_field(path)
        field.read_only = True
        field.save()


def test_names_that_no_field_can_have(scenes: fo.Dataset, tmp_path: Path) -> None:
    options: Any = {"points_per_side": 8, "store": tmp_path / "store"}
    file, made = tmp_path / "instances.json", f"{scenes.name}-imported"
    calls: list[Callable[[str], object]] = [
        lambda name: ntt.segment(scenes, "all", name, models=MODELS, **options),
        lambda name: ntt.relabel(scenes, "all", name, **options),
        lambda name: ntt.boxes_to_masks(scenes, "ground_truth", name, models=MODELS),
        lambda name: ntt.import_coco(tmp_path, file, scenes, field=name),
        lambda name: ntt.import_coco(tmp_path, file, made, field=name),
    ]
    before = state(scenes)
    for name in [*KEPT, *OF_VIEWS, "_private", "a b", "1st", "", "a.b"]:
        for call in calls:
            with pytest.raises(InputError, match="cannot name a field"):
                call(name)
        assert "cannot name a field" in str(ntt.output_field_problem(scenes, name))
    assert state(scenes) == before
    assert not fo.dataset_exists(made)


def test_an_import_refuses_what_no_dataset_can_be_called(
    scenes: fo.Dataset, tmp_path: Path
) -> None:
    before = fo.list_datasets()
    for name in ("", "?"):
        with pytest.raises(InputError, match="no dataset can be called"):
            ntt.import_coco(tmp_path, tmp_path / "instances.json", name)
    assert fo.list_datasets() == before


def test_an_import_keeps_the_images_ids_where_they_are(scenes: fo.Dataset, tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    act = lambda: ntt.import_coco(tmp_path, file, scenes, field="coco_id")  # noqa: E731
    refused(scenes, "'coco_id' is where images keep their id", act)


def test_every_name_of_a_sample_or_label_is_kept() -> None:
    samples = set(dir(fo.Sample)) | set(fo.Sample("a.png").field_names)
    assert all(map(is_kept_field, samples))
    assert all(map(is_kept_attribute, dir(fo.Detection(label="a", bounding_box=[0, 0, 1, 1]))))
    for name in ("predictions", "ground_truth", "masks", "memory_pca"):
        assert not is_kept_field(name) and not is_kept_attribute(name)


@pytest.mark.parametrize("name", [*OF_VIEWS, "predictions"])
def test_what_views_call_their_own_breaks_them(dataset: fo.Dataset, name: str) -> None:
    """Why these are refused: a later FiftyOne may allow them."""
    box = fo.Detection(label="a", bounding_box=[0, 0, 1, 1], confidence=0.5)
    labels = {"truth": fo.Detections(detections=[box.copy()])}
    try:
        dataset.add_sample(fo.Sample("a.png", **labels, **{name: labels["truth"].copy()}))
        dataset.evaluate_detections(name, gt_field="truth", eval_key="seen")
        view = dataset.to_evaluation_patches("seen")
        whole = isinstance(view.first()[name], fo.Detections)
    except Exception:
        whole = False
    assert whole == (name == "predictions")


@pytest.mark.parametrize("locked", ["predictions", "predictions.detections.label"])
def test_read_only_predictions_stay(scenes: fo.Dataset, tmp_path: Path, locked: str) -> None:
    [run] = ntt.list_prediction_runs(scenes)
    lock(scenes, locked)
    options: Any = {"points_per_side": 8, "store": tmp_path / "store", "overwrite": True}
    other = ntt.build_memory_bank(scenes[:1], "ground_truth", models=MODELS)
    message = f"field '{locked}' of .* is read-only.*make it writable"
    for act in (
        lambda: ntt.segment(scenes, other, models=MODELS, **options),
        lambda: ntt.relabel(scenes, other, **options),
        lambda: ntt.boxes_to_masks(scenes, "ground_truth", "predictions", models=MODELS),
        lambda: ntt.delete_run_predictions(scenes, run),
        lambda: ntt.undo(scenes, "predictions"),
    ):
        refused(scenes, message, act)
    assert "is read-only" in str(ntt.output_field_problem(scenes, "predictions"))


@pytest.mark.parametrize("locked", ["ground_truth", "ground_truth.detections.tags", "tags"])
def test_read_only_labels_get_no_tags(scenes: fo.Dataset, locked: str) -> None:
    lock(scenes, locked)
    for act in (
        lambda: ntt.tag_references(scenes, "ground_truth"),
        lambda: ntt.sample_references(scenes, "ground_truth", shots=1, min_size=1, border=0),
    ):
        refused(scenes, f"'{locked}' of .* is read-only", act)
    assert "is read-only" in str(ntt.tag_problem(scenes, "reference", "ground_truth"))


def test_a_tagging_is_not_taken_back_from_what_is_read_only_by_now(scenes: fo.Dataset) -> None:
    ntt.tag_references(scenes, "ground_truth")
    lock(scenes, "tags")
    refused(scenes, "'tags' of .* is read-only", lambda: ntt.undo(scenes))


@pytest.mark.parametrize("locked", ["seen_tp", "ground_truth.detections.seen_id", "predictions"])
def test_read_only_verdicts_stay(scenes: fo.Dataset, locked: str) -> None:
    def evaluate() -> object:
        return ntt.evaluate(scenes, "predictions", "ground_truth", eval_key="seen", iou="masks")

    evaluate()
    lock(scenes, locked)
    refused(scenes, f"'{locked}', which is read-only", evaluate)


def test_an_evaluation_of_other_fields_stays(scenes: fo.Dataset) -> None:
    scenes.clone_sample_field("ground_truth", "truth")
    options: Any = {"eval_key": "seen", "iou": "masks"}
    ntt.evaluate(scenes, "predictions", "truth", **options)
    for changed in ({"gt_field": "ground_truth"}, {"gt_field": "truth", "method": "fiftyone"}):
        refused(
            scenes,
            "evaluation 'seen' of 'predictions' against 'truth'",
            lambda changed=changed: ntt.evaluate(scenes, "predictions", **changed, **options),
        )


@pytest.mark.parametrize("locked", ["coco_id", "imported", "imported.detections.iscrowd"])
def test_nothing_is_imported_into_what_is_read_only(
    scenes: fo.Dataset, tmp_path: Path, locked: str
) -> None:
    file = tmp_path / "instances.json"
    ntt.import_coco(tmp_path, file, scenes, field="imported")
    scenes.clear_sample_field("imported")
    scenes.clear_sample_field("coco_id")
    lock(scenes, locked)
    act = lambda: ntt.import_coco(tmp_path, file, scenes, field="imported")  # noqa: E731
    refused(scenes, f"'{locked}' of .* is read-only", act)


@pytest.mark.parametrize("ending", ["pca", "clusters"])
def test_nothing_is_drawn_into_what_is_read_only(scenes: fo.Dataset, ending: str) -> None:
    ntt.draw_memory_bank(scenes, "all", models=MODELS)
    lock(scenes, f"memory_{ending}")
    other = ntt.build_memory_bank(scenes[:1], "ground_truth", models=MODELS)
    act = lambda: ntt.draw_memory_bank(scenes, other, models=MODELS, overwrite=True)  # noqa: E731
    refused(scenes, f"'memory_{ending}' of .* is read-only", act)
    assert "is read-only" in str(ntt.picture_fields_problem(scenes, "memory"))


def test_a_field_that_was_made_writable_again(scenes: fo.Dataset) -> None:
    lock(scenes, "predictions")
    with pytest.raises(InputError, match="read-only"):
        check_new_field(scenes, "predictions")
    field = scenes.get_field("predictions")
    field.read_only = False
    field.save()
    check_new_field(scenes, "predictions")


def test_tags_that_cannot_be_found_again(scenes: fo.Dataset) -> None:
    options: Any = {"shots": 1, "min_size": 1, "border": 0}
    before = state(scenes)
    for tag in ("", " ", "$5"):
        with pytest.raises(InputError, match="the tag"):
            ntt.tag_references(scenes, "ground_truth", tag=tag)
        with pytest.raises(InputError, match="the tag"):
            ntt.sample_references(scenes, "ground_truth", tag=tag, **options)
        assert "the tag" in str(ntt.tag_problem(scenes, tag, "ground_truth"))
    assert state(scenes) == before


def test_attributes_of_another_type(scenes: fo.Dataset, tmp_path: Path) -> None:
    scenes.add_sample_field("other", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    scenes.add_sample_field("other.detections.margin", fo.StringField)
    refused(
        scenes,
        "'other.detections.margin' of .* holds StringField, and FloatField is to be written",
        lambda: ntt.segment(scenes, "all", "other", models=MODELS, store=False),
    )
