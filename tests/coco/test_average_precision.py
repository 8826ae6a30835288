"""Average precision, against values known by hand."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.average_precision import CocoScores, evaluate_results
from fiftyone_ntt.coco.findings import RecordError
from fiftyone_ntt.errors import InputError
from tests.coco.files import SIZE, annotation, content, rectangle, write

BOXES = {1: (2, 3, 40, 30), 2: (10, 5, 34, 34), 3: (0, 0, 20, 30), 4: (30, 5, 25, 25)}


def truth(first_id: int = 1) -> dict[str, Any]:
    """Two images with a bird and a boat each."""
    rows = [
        annotation(first_id + index, 1 + index // 2, (7, 3)[index % 2], **rectangle(*box))
        for index, box in enumerate(BOXES.values())
    ]
    return content([1, 2], rows)


def perfect(data: dict[str, Any], score: float = 0.9) -> list[dict[str, Any]]:
    results = []
    for row in data["annotations"]:
        x, y, width, height = (int(value) for value in row["bbox"])
        mask = np.zeros(SIZE, np.uint8)
        mask[y : y + height, x : x + width] = 1
        rle = coco_mask.encode(np.asfortranarray(mask))
        results.append(
            {
                "image_id": row["image_id"],
                "category_id": row["category_id"],
                "bbox": [x, y, width, height],
                "score": score,
                "segmentation": {"size": list(rle["size"]), "counts": rle["counts"].decode()},
            }
        )
    return results


def test_ap_of_each_class_in_the_order_of_the_categories(tmp_path: Path) -> None:
    data = truth()
    data["categories"].append({"id": 1, "name": "cow"})
    results = [row for row in perfect(data) if row["category_id"] == 7]
    found = scores_of(tmp_path, data, results)
    assert list(found.class_masks.items()) == [("bird", pytest.approx(1)), ("boat", 0)]
    assert list(found.class_boxes.items()) == [("bird", pytest.approx(1)), ("boat", 0)]
    assert found.masks["AP"] == pytest.approx(0.5)


def scores_of(folder: Path, data: dict[str, Any], results: Any) -> CocoScores:
    return evaluate_results(
        write(folder / "results.json", results), write(folder / "truth.json", data)
    )


@pytest.mark.parametrize("first_id", [0, 1, 50])
def test_a_perfect_prediction_scores_1_whatever_the_ids(tmp_path: Path, first_id: int) -> None:
    data = truth(first_id)
    found = scores_of(tmp_path, data, perfect(data))
    for kind in (found.masks, found.boxes):
        assert [kind["AP"], kind["AP50"], kind["AP75"]] == pytest.approx([1, 1, 1])
        assert kind["APs"] == pytest.approx(1)  # 20 x 30 and 25 x 25 are below 32 x 32
        assert kind["APm"] == pytest.approx(1)
        assert kind["APl"] == -1  # there is none


def test_annotations_without_ids_areas_and_crowd_flags(tmp_path: Path) -> None:
    data = truth()
    results = perfect(data)
    for row in data["annotations"]:
        del row["id"]
    del data["annotations"][0]["bbox"]
    for image in data["images"]:
        image.pop("license", None)
    assert scores_of(tmp_path, data, results).masks["AP"] == pytest.approx(1)


def test_a_missed_class_halves_ap(tmp_path: Path) -> None:
    data = truth()
    birds = [row for row in perfect(data) if row["category_id"] == 7]
    found = scores_of(tmp_path, data, birds)
    assert found.masks["AP"] == pytest.approx(0.5)
    assert found.boxes["AP"] == pytest.approx(0.5)


def test_one_of_two_objects_found(tmp_path: Path) -> None:
    data = truth()
    data["annotations"] = [data["annotations"][0], data["annotations"][2]]
    found = scores_of(tmp_path, data, perfect(data)[:1])
    # Precision 1 at the 51 of 101 recall points up to one half.
    assert found.masks["AP"] == pytest.approx(51 / 101)


def test_a_better_scored_false_positive_halves_precision(tmp_path: Path) -> None:
    data = truth()
    data["annotations"] = data["annotations"][:1]
    hit = perfect(data, score=0.5)[0]
    wrong = perfect(truth(), score=0.8)[3] | {"image_id": 1, "category_id": 7}
    assert scores_of(tmp_path, data, [hit, wrong]).masks["AP"] == pytest.approx(0.5)


def test_masks_are_sized_by_their_own_area(tmp_path: Path) -> None:
    """A large thin frame has a big box and a small area."""
    data = truth()
    data["annotations"] = data["annotations"][2:3]  # a small object
    results = perfect(data)
    frame = np.zeros(SIZE, np.uint8)
    frame[0], frame[-1] = 1, 1
    rle = coco_mask.encode(np.asfortranarray(frame))
    stray = copy.deepcopy(results[0]) | {"score": 0.99, "bbox": [0, 0, 60, 40]}
    stray["segmentation"] = {"size": list(rle["size"]), "counts": rle["counts"].decode()}
    found = scores_of(tmp_path, data, [*results, stray])
    assert found.masks["APs"] == pytest.approx(0.5)  # the frame counts among the small
    assert found.boxes["APs"] == pytest.approx(1)  # its box does not


def test_crowds_are_ignored(tmp_path: Path) -> None:
    data = truth()
    results = perfect(data)
    data["annotations"][0]["iscrowd"] = 1
    assert scores_of(tmp_path, data, results).masks["AP"] == pytest.approx(1)


def test_truth_of_boxes_alone_scores_boxes_alone(tmp_path: Path) -> None:
    data = truth()
    results = perfect(data)
    for row in data["annotations"]:
        del row["segmentation"]
    found = scores_of(tmp_path, data, results)
    assert found.boxes["AP"] == pytest.approx(1)
    assert set(found.masks.values()) == {-1}


def test_no_results_score_0(tmp_path: Path) -> None:
    found = scores_of(tmp_path, truth(), [])
    assert found.masks["AP"] == found.boxes["AP"] == 0
    assert found.masks["APl"] == -1


def test_the_table(tmp_path: Path) -> None:
    lines = str(scores_of(tmp_path, truth(), perfect(truth()))).splitlines()
    assert lines[0].split() == ["AP", "AP50", "AP75", "APs", "APm", "APl"]
    assert lines[1].split() == ["masks", "1.000", "1.000", "1.000", "1.000", "1.000", "-1.000"]
    assert lines[2].split()[0] == "boxes"
    assert len({len(line) for line in lines}) == 1


def without(rows: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{key: row[key] for key in row if key not in names} for row in rows]


def test_results_of_boxes_alone_say_why_there_are_no_figures_by_masks(tmp_path: Path) -> None:
    """As detectron2's box models and COCO's own first file of results have them."""
    found = scores_of(tmp_path, truth(), without(perfect(truth()), "segmentation"))
    assert found.boxes["AP"] == pytest.approx(1)
    assert set(found.masks.values()) == {-1}
    assert found.notes == (
        "no figures by masks: 4 of 4 results are boxes alone, the first image 1",
    )
    assert str(found).splitlines()[-1] == found.notes[0]


def test_results_of_masks_alone_are_scored_by_both(tmp_path: Path) -> None:
    """As COCO's own second file of results has them."""
    found = scores_of(tmp_path, truth(), without(perfect(truth()), "bbox"))
    assert found.boxes["AP"] == found.masks["AP"] == pytest.approx(1)


@pytest.mark.parametrize("empty", [[], None])
def test_results_with_empty_segmentations_and_entries_of_their_own(
    tmp_path: Path, empty: Any
) -> None:
    """As SAHI writes them."""
    more = {"segmentation": empty, "category_name": "x", "iscrowd": 0, "area": 9}
    found = scores_of(tmp_path, truth(), [{**row, **more} for row in perfect(truth())])
    assert found.boxes["AP"] == pytest.approx(1)


def test_results_drawn_as_polygons(tmp_path: Path) -> None:
    polygons = [row["segmentation"] for row in truth()["annotations"]]
    rows = [
        {**row, "segmentation": polygon}
        for row, polygon in zip(perfect(truth()), polygons, strict=True)
    ]
    assert scores_of(tmp_path, truth(), rows).masks["AP"] == pytest.approx(1)


def test_truth_of_which_some_has_no_mask_says_why(tmp_path: Path) -> None:
    data = truth()
    data["annotations"][2]["segmentation"] = []
    found = scores_of(tmp_path, data, perfect(truth()))
    assert found.notes == (
        "no figures by masks: 1 of 4 annotations are boxes alone, the first annotation 3 of image "
        "2",
    )


def test_truth_that_is_all_crowds(tmp_path: Path) -> None:
    """As CVAT writes every mask that was drawn with a brush."""
    data = truth()
    for row in data["annotations"]:
        row["iscrowd"] = 1
    with pytest.raises(InputError, match=r"all 4 annotations are crowds.*pass crowds='objects'"):
        scores_of(tmp_path, data, perfect(truth()))
    found = evaluate_results(tmp_path / "results.json", tmp_path / "truth.json", crowds="objects")
    assert found.masks["AP"] == found.boxes["AP"] == pytest.approx(1)
    assert found.notes == ("crowds taken as objects: 4 (annotation 1, ...)",)


@pytest.mark.parametrize("flag", ["0", 0.0, False, None])
def test_a_crowd_flag_that_says_no(tmp_path: Path, flag: Any) -> None:
    data = truth()
    for row in data["annotations"]:
        row["iscrowd"] = flag
    assert scores_of(tmp_path, data, perfect(truth())).masks["AP"] == pytest.approx(1)


def test_scores_written_as_text_rank_like_numbers(tmp_path: Path) -> None:
    data = truth()
    data["annotations"] = data["annotations"][:1]
    hit = perfect(data)[0] | {"score": "0.9"}
    wrong = perfect(truth())[3] | {"image_id": 1, "category_id": 7, "score": "0.10"}
    assert scores_of(tmp_path, data, [wrong, hit]).masks["AP"] == pytest.approx(1)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), "high", None, True, [0.5]])
def test_scores_that_cannot_be_ranked(tmp_path: Path, score: Any) -> None:
    rows = perfect(truth())
    rows[2]["score"] = score
    with pytest.raises(RecordError, match=r"result 3 has the score .* cannot be ranked") as caught:
        scores_of(tmp_path, truth(), rows)
    assert caught.value.kind == "score"
    found = evaluate_results(tmp_path / "results.json", tmp_path / "truth.json", on_error="skip")
    assert found.notes[0] == "left out 1: score 1"
    assert 0 < found.masks["AP"] < 1


@pytest.mark.parametrize("what", ["truth", "results"])
def test_masks_of_another_size_than_the_image_are_named(tmp_path: Path, what: str) -> None:
    """They scored 0, beside boxes that scored 1."""
    data, rows = truth(), perfect(truth())
    half = np.asfortranarray(np.ones((20, 30), np.uint8))
    rle = {"size": [20, 30], "counts": coco_mask.encode(half)["counts"].decode()}
    (data["annotations"] if what == "truth" else rows)[1]["segmentation"] = rle
    with pytest.raises(RecordError, match=r"is 30 x 20 px but its image is 60 x 40 px") as caught:
        scores_of(tmp_path, data, rows)
    assert caught.value.kind == "mask size"


def test_a_wrong_box_of_the_truth_gives_way_to_its_mask(tmp_path: Path) -> None:
    data = truth()
    for row in data["annotations"]:
        row["bbox"] = [0, 0, 7, 7]
    found = scores_of(tmp_path, data, perfect(truth()))
    assert found.boxes["AP"] == pytest.approx(1)
    assert found.notes[0].startswith("boxes more than 2 px off their masks")


def test_objects_without_a_pixel_count_as_missed(tmp_path: Path) -> None:
    """As pycocotools takes them; only half of the truth can be found."""
    data = truth()
    for row in data["annotations"][2:]:
        row.update(segmentation=[[1, 1, 1.1, 1, 1.1, 1.1]], bbox=[1, 1, 0.1, 0.1])
    found = scores_of(tmp_path, data, perfect(truth())[:2])
    assert found.masks["AP"] == pytest.approx(51 / 101)
    assert found.notes == ("objects without a pixel, kept as such: 2 (annotation 3, ...)",)


def test_a_negative_box_of_a_result_is_named(tmp_path: Path) -> None:
    rows = without(perfect(truth()), "segmentation")
    rows[0]["bbox"] = [10, 10, -5, 5]
    with pytest.raises(RecordError, match=r"whose width or height is negative"):
        scores_of(tmp_path, truth(), rows)


@pytest.mark.parametrize(
    "results, message",
    [
        ({"a": 1}, r"is not a COCO results file"),
        ([1], r"result 1 is not a COCO result: 1"),
        (7, r"is not a COCO results file"),
        ([{"image_id": 1}], r"has no category_id and no score.*Pass the output of `segment`"),
        ([perfect(truth())[0] | {"image_id": 8}], r"result 1 is of image 8, which the targets"),
        ([perfect(truth())[0] | {"category_id": 8}], r"result 1 is of category 8, which the"),
        (
            [perfect(truth())[0] | {"segmentation": {"size": [40, 60], "counts": "3"}}],
            r"result 1 \(of image 1\): its segmentation cannot be read",
        ),
    ],
)
def test_malformed_results(tmp_path: Path, results: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        scores_of(tmp_path, truth(), results)


def test_missing_files_and_missing_truth(tmp_path: Path) -> None:
    targets = write(tmp_path / "truth.json", truth())
    with pytest.raises(InputError, match=r"none.json: no such file"):
        evaluate_results(tmp_path / "none.json", targets)
    with pytest.raises(InputError, match=r"has no annotations to evaluate against"):
        scores_of(tmp_path, content([1]), [])
    data = truth()
    results = perfect(data)
    del data["images"][0]["height"]
    with pytest.raises(InputError, match=r"image 1, whose entry lacks 'height'"):
        scores_of(tmp_path, data, results)
