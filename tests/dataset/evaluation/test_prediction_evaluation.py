"""Evaluation: FiftyOne's results, saved as FiftyOne saves them."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F

from fiftyone_ntt import evaluate
from fiftyone_ntt.errors import InputError
from tests.shapes import unchecked

WIDTH, HEIGHT = 160, 120
CLASSES = ["a", "b", "c"]


def random_detection(rng: np.random.Generator, **attributes: Any) -> fo.Detection:
    w, h = rng.integers(8, 60, 2)
    x, y = rng.integers(0, WIDTH - w), rng.integers(0, HEIGHT - h)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + h, x : x + w] = rng.random((h, w)) > 0.1
    return fo.Detection.from_mask(mask, label=str(rng.choice(CLASSES)), **attributes)


def moved(rng: np.random.Generator, truth: fo.Detection) -> fo.Detection:
    """A prediction that overlaps a true object to some degree."""
    x, y, w, h = truth.bounding_box
    shift = round(float(rng.integers(0, 8)) / WIDTH, 12)
    x = min(x + shift, 1 - w)
    return fo.Detection(
        label=truth.label if rng.random() > 0.1 else "c",
        bounding_box=[x, y, w, h],
        mask=truth.mask,
        confidence=float(rng.random()),
    )


def add_random(dataset: fo.Dataset, images: int = 6, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    samples = []
    for index in range(images):
        truth = [
            random_detection(rng, iscrowd=bool(rng.random() < 0.15), area_=1.0) for _ in range(6)
        ]
        predicted = [moved(rng, t) for t in truth if rng.random() > 0.2]
        predicted += [random_detection(rng, confidence=float(rng.random())) for _ in range(4)]
        rng.shuffle(predicted)
        samples.append(
            fo.Sample(
                filepath=f"/nowhere/{index}.png",
                metadata=fo.ImageMetadata(width=WIDTH, height=HEIGHT),
                truth=fo.Detections(detections=truth),
                predictions=fo.Detections(detections=predicted),
            )
        )
    for name, fields in (
        ("no_predictions", {"truth": samples[0].truth.copy()}),
        ("no_truth", {"predictions": samples[0].predictions.copy()}),
        ("nothing", {}),
    ):
        size = fo.ImageMetadata(width=WIDTH, height=HEIGHT)
        samples.append(fo.Sample(filepath=f"/nowhere/{name}.png", metadata=size, **fields))
    dataset.add_samples(samples, progress=False)


@pytest.fixture
def labelled(dataset: fo.Dataset) -> fo.Dataset:
    add_random(dataset)
    return dataset


def saved_documents(dataset: fo.Dataset, key: str) -> list[dict[str, Any]]:
    """What an evaluation left in the database, under a neutral key."""

    def neutral(document: dict[str, Any]) -> dict[str, Any]:
        return {k.replace(key, "KEY"): v for k, v in document.items() if k.startswith(key)}

    documents = []
    for sample in dataset._sample_collection.find().sort("_id"):
        labels = {
            field: [neutral(d) for d in (sample.get(field) or {}).get("detections", [])]
            for field in ("truth", "predictions")
        }
        documents.append(neutral(sample) | labels)
    return documents


def schema(dataset: fo.Dataset, key: str) -> dict[str, str]:
    flat = dataset.get_field_schema(flat=True)
    return {path.replace(key, "KEY"): str(field) for path, field in flat.items() if key in path}


def same_results(ours: Any, theirs: Any) -> None:
    left, right = ours.serialize(), theirs.serialize()
    assert set(left) == set(right)
    for name in left:
        np.testing.assert_equal(left[name], right[name], err_msg=name)


def view_of(dataset: fo.Dataset, kind: str) -> Any:
    if kind == "dataset":
        return dataset
    if kind == "some samples":
        return dataset.skip(1).limit(4)
    return dataset.filter_labels("predictions", F("confidence") > 0.4, only_matches=False)


@pytest.mark.parametrize("view", ["dataset", "some samples", "filtered labels"])
@pytest.mark.parametrize("use_masks", [False, True])
@pytest.mark.parametrize("compute_mAP", [False, True])
def test_saves_what_fiftyone_saves(labelled, view, use_masks, compute_mAP):
    samples = view_of(labelled, view)
    theirs = samples.evaluate_detections(
        "predictions",
        "truth",
        eval_key="theirs",
        use_masks=use_masks,
        compute_mAP=compute_mAP,
        progress=False,
    )
    kind = "masks" if use_masks else "boxes"
    found = evaluate(
        samples,
        "predictions",
        "truth",
        eval_key="ours",
        iou=kind,
        method="fiftyone",
        compute_mAP=compute_mAP,
    )
    key = "ours" if use_masks else "ours_boxes"
    assert found.eval_keys == (key,)
    assert saved_documents(labelled, key) == saved_documents(labelled, "theirs")
    assert schema(labelled, key) == schema(labelled, "theirs")

    same_results(getattr(found, kind), theirs)
    loaded = labelled.load_evaluation_results(key, cache=False)
    reference = labelled.load_evaluation_results("theirs", cache=False)
    assert type(loaded) is type(reference)
    same_results(loaded, reference)
    ours, other = labelled.get_evaluation_info(key), labelled.get_evaluation_info("theirs")
    assert ours.config.serialize() == other.config.serialize()
    documents = labelled._doc.evaluations
    assert documents[key].view_stages == documents["theirs"].view_stages
    assert len(labelled.load_evaluation_view(key)) == len(samples)
    patches = labelled.to_evaluation_patches(key)
    assert len(patches) == len(labelled.to_evaluation_patches("theirs"))


def test_the_app_groups_the_fields_as_fiftyone_does(labelled):
    labelled.evaluate_detections("predictions", "truth", eval_key="theirs", progress=False)
    evaluate(labelled, "predictions", "truth", eval_key="ours", iou="masks")
    groups = {group.name: group.paths for group in labelled.app_config.sidebar_groups}
    assert groups["ours"] == [path.replace("theirs", "ours") for path in groups["theirs"]]


def test_an_evaluation_can_be_repeated_renamed_and_deleted(labelled):
    evaluate(labelled, "predictions", "truth", eval_key="one")
    assert labelled.list_evaluations() == ["one", "one_boxes"]
    evaluate(labelled, "predictions", "truth", eval_key="one", confidence_thresh=0.5)
    assert labelled.list_evaluations() == ["one", "one_boxes"]
    # Objects below the threshold took no part, and keep nothing of the evaluation before.
    below = labelled.filter_labels("predictions", F("confidence") < 0.5)
    assert below.count("predictions.detections") > 0
    assert below.count("predictions.detections.one") == 0
    labelled.rename_evaluation("one", "two")
    assert labelled.count("predictions.detections.two") > 0
    labelled.delete_evaluation("two")
    assert "two_tp" not in labelled.get_field_schema()


def test_without_a_key_nothing_is_written(labelled):
    before = list(labelled._sample_collection.find())
    found = evaluate(labelled, "predictions", "truth")
    assert found.eval_keys == ()
    assert list(labelled._sample_collection.find()) == before
    assert labelled.list_evaluations() == []


def test_figures_and_table(labelled):
    found = evaluate(labelled, "predictions", "truth")
    assert found.mask_map == pytest.approx(found.masks.mAP())
    assert found.box_map == pytest.approx(found.boxes.mAP())
    assert found.mask_ap50 >= found.mask_map and found.box_ap50 >= found.box_map
    rows = found.table()
    assert [row["class"] for row in rows] == [*CLASSES, "mean"]
    for label, row in zip(CLASSES, rows, strict=False):
        assert row["mask_ap"] == pytest.approx(found.masks.mAP(classes=[label]))
    assert rows[-1]["box_ap50"] == pytest.approx(found.box_ap50)
    assert f"{100 * found.mask_map:.1f}" in str(found).splitlines()[-1]
    assert str(found).splitlines()[0].split()[0] == "mask_ap"


def test_perfect_predictions_score_one(dataset):
    add_random(dataset)
    dataset.set_field("truth.detections.iscrowd", False).save()
    dataset.clone_sample_field("truth", "same")
    dataset.set_field("same.detections.confidence", 0.5).save()
    found = evaluate(dataset, "same", "truth")
    assert found.mask_map == found.box_map == 1


def test_only_boxes_without_the_sweep(labelled):
    found = evaluate(labelled, "predictions", "truth", iou="boxes", compute_mAP=False)
    assert found.masks is None and found.box_map is None
    assert found.boxes.metrics()["support"] > 0
    assert "-" in str(found)


def test_progress_counts_the_images_of_each_kind(labelled):
    seen: list[tuple[int, int]] = []
    evaluate(labelled, "predictions", "truth", progress=lambda *step: seen.append(step))
    assert seen == [(i, 9) for i in range(1, 10)] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pred_field": "nothing"}, "no field 'nothing'.*predictions"),
        ({"pred_field": "filepath"}, "'filepath' .* holds StringField, not Detections"),
        ({"gt_field": "kind"}, "'kind' .* holds Classification"),
        ({"gt_field": "predictions"}, "both 'predictions'"),
        ({"pred_field": "truth", "gt_field": "predictions"}, "have no confidence"),
        ({"gt_field": "bare"}, "have no mask. Pass iou='boxes'.*boxes_to_masks"),
        ({"eval_key": "my key"}, "eval_key 'my key' is not a valid key"),
    ],
)
def test_errors(labelled, change, message):
    labelled.add_sample_field("kind", fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
    labelled.clone_sample_field("truth", "bare")
    labelled.set_field("bare.detections.mask", None).save()
    options = {"samples": labelled, "pred_field": "predictions", "gt_field": "truth"} | change
    with pytest.raises(InputError, match=message):
        evaluate(**options)


@pytest.mark.usefixtures("unchecked")
def test_errors_of_type(labelled):
    with pytest.raises(InputError, match="iou is 'polygons'"):
        evaluate(labelled, "predictions", "truth", iou="polygons")
    with pytest.raises(InputError, match="got NoneType"):
        evaluate(None, "predictions", "truth")


def test_an_empty_view_is_an_error(labelled):
    with pytest.raises(InputError, match="nothing to evaluate"):
        evaluate(labelled[:0], "predictions", "truth")


def test_boxes_alone_need_no_masks(labelled):
    labelled.clone_sample_field("truth", "bare")
    labelled.set_field("bare.detections.mask", None).save()
    assert evaluate(labelled, "predictions", "bare", iou="boxes").box_map is not None


def test_truth_that_is_all_crowds(labelled: fo.Dataset) -> None:
    """As brush masks of CVAT are: COCO defines no score for them."""
    plain = evaluate(labelled, "predictions", "truth", crowds="objects", progress=False)
    for sample in labelled.iter_samples(autosave=True, progress=False):
        for label in sample.truth.detections if sample.truth else ():
            label["iscrowd"] = True
    with pytest.raises(InputError, match=r"all 42 annotations are crowds.*pass crowds='objects'"):
        evaluate(labelled, "predictions", "truth", progress=False)
    found = evaluate(labelled, "predictions", "truth", crowds="objects", progress=False)
    assert found.masks.metrics() == plain.masks.metrics()
    assert found.mask_map is not None and found.mask_map > 0
    with unchecked(), pytest.raises(InputError, match=r"crowds is 'all'. Pass 'ignore' or"):
        evaluate(labelled, "predictions", "truth", crowds="all")


def test_a_class_written_otherwise_than_the_truth_is_named(labelled: fo.Dataset) -> None:
    for sample in labelled.iter_samples(autosave=True, progress=False):
        for label in sample.predictions.detections if sample.predictions else ():
            label.label = {"a": "A ", "b": "b", "c": "zebra"}[label.label]
    found = evaluate(labelled, "predictions", "truth", iou="boxes", progress=False)
    [note] = found.notes
    assert note.startswith("of the predicted classes, 'A ' looks like 'a': names must be equal")
    assert str(found).splitlines()[-1] == note
