"""Reading the published layouts, and what is said of files that are not as published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fiftyone_ntt.errors import InputError
from fiftyone_ntt.protocols import cd_fsod_data, coco_data, lvis_data, voc_data
from fiftyone_ntt.protocols.catalogue import PROTOCOLS
from fiftyone_ntt.protocols.data import require_images, restrict
from fiftyone_ntt.protocols.published import COCO_NOVEL, PUBLISHED, VOC_NOVEL
from tests.protocols import miniature


def edit(path: Path, change: Any) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_splits_are_whole() -> None:
    assert len(set(COCO_NOVEL)) == 20
    assert all(len(set(names)) == 5 for names in VOC_NOVEL.values())
    assert all(name in voc_data.CLASSES for names in VOC_NOVEL.values() for name in names)
    for name, scores in PUBLISHED.items():
        assert {score.metric for score in scores} <= set(PROTOCOLS[name].headline)
        assert {score.shots for score in scores} <= {*PROTOCOLS[name].shots, None}


def test_the_folds_share_out_all_categories(tmp_path: Path) -> None:
    miniature.coco_20i(tmp_path)
    protocol = PROTOCOLS["coco-20i"]
    folds = [protocol.part(tmp_path, name).targets() for name in protocol.parts]
    names = [list(fold.categories.values()) for fold in folds]
    assert names == [[f"class {i}", f"class {i + 4}"] for i in range(4)]
    assert all(len(fold.images) == 3 for fold in folds)


def test_images_lie_in_their_part_s_folder(tmp_path: Path) -> None:
    file = coco_data.read_part(miniature.coco_20i(tmp_path), coco_data.VAL)
    assert file.images[1]["file_name"] == "val2017/000000000000.jpg"
    require_images(tmp_path, file)
    with pytest.raises(InputError, match=r"lacks boat, image 99\. Is it the file as published"):
        restrict(file, ["class 1", "boat"], [1, 99])


def test_voc_in_coco_s_terms(tmp_path: Path) -> None:
    root = miniature.voc(tmp_path)
    path = root / "VOCdevkit/VOC2007/Annotations/090000.xml"
    path.write_text(
        "<annotation><filename>090000.jpg</filename>"
        "<size><width>256</width><height>256</height></size>"
        "<object><name>cow</name><difficult>1</difficult><part><bndbox><xmin>9</xmin></bndbox>"
        "</part><bndbox><xmin>1</xmin><ymin>5</ymin><xmax>10</xmax><ymax>256</ymax></bndbox>"
        "</object><object><name>sofa</name><bndbox><xmin>2.5</xmin><ymin>5</ymin><xmax>10</xmax>"
        "<ymax>20</ymax></bndbox></object></annotation>"
    )
    file = voc_data.read_parts(root, voc_data.TEST)
    rows = [row for row in file.annotations if row["image_id"] == 1]
    assert [(file.categories[r["category_id"]], r["bbox"], r["iscrowd"]) for r in rows] == [
        ("cow", [0, 4, 10, 252], 1),
        ("sofa", [1.5, 4, 8.5, 16], 0),
    ]
    assert file.images[1]["file_name"] == "VOCdevkit/VOC2007/JPEGImages/090000.jpg"
    train = voc_data.read_parts(root, voc_data.TRAIN)
    folders = {record["file_name"].split("/")[1] for record in train.images.values()}
    assert folders == {"VOC2007", "VOC2012"}


def test_the_folder_may_be_the_kit_itself(tmp_path: Path) -> None:
    root = miniature.voc(tmp_path)
    parts = [PROTOCOLS["voc"].part(folder, "2") for folder in (root, root / "VOCdevkit")]
    assert parts[0].root == parts[1].root
    assert list(parts[1].targets().categories.values()) == [
        *("aeroplane", "bottle", "cow", "horse", "sofa"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<annotation>", "no element found"),
        ("<annotation></annotation>", "it has no filename"),
        (
            "<annotation><filename>x</filename><size><width>a</width><height>1</height></size>"
            "</annotation>",
            "its width is 'a', no whole number",
        ),
        (None, "No such file"),
    ],
)
def test_a_bad_annotation_of_voc(tmp_path: Path, text: str | None, reason: str) -> None:
    root = miniature.voc(tmp_path)
    path = root / "VOCdevkit/VOC2007/Annotations/090001.xml"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InputError, match=rf"090001\.xml is not an annotation of PASCAL.*{reason}"):
        voc_data.read_parts(root, voc_data.TEST)


def test_lvis_images_lie_where_their_address_says(tmp_path: Path) -> None:
    root = miniature.lvis(tmp_path)
    file = lvis_data.read_part(root, lvis_data.VAL)
    assert file.images[2]["file_name"] == "val2017/000000000001.jpg"
    assert file.category_records[0] == {"id": 1, "name": "ball", "frequency": "r"}

    def forget(content: Any) -> None:
        del content["images"][0]["coco_url"]

    edit(root / lvis_data.TRAIN, forget)
    with pytest.raises(InputError, match=r"train\.json: an entry of 'images' lacks"):
        lvis_data.read_part(root, lvis_data.TRAIN)


def test_cd_fsod_images_may_lie_deeper_and_are_boxes_alone(tmp_path: Path) -> None:
    root = miniature.cd_fsod(tmp_path, ["DIOR", "DeepFish"])
    folder = cd_fsod_data.folder_of(root, "DIOR")
    annotations = cd_fsod_data.annotations_of(folder, cd_fsod_data.TEST)
    file = cd_fsod_data.read_part(root, folder, cd_fsod_data.TEST, annotations)
    assert file.images["s0"]["file_name"] == "DIOR/test/new_test/s0.jpg"  # type: ignore[index]
    assert all("segmentation" not in row for row in file.annotations)
    (root / "FISH").rename(root / "DeepFish")
    assert cd_fsod_data.folder_of(root, "DeepFish") == "DeepFish"
    (root / "DIOR/test/new_test/s0.jpg").unlink()
    with pytest.raises(InputError, match=r"lists the image s0\.jpg, which is nowhere in DIOR/test"):
        cd_fsod_data.read_part(root, folder, cd_fsod_data.TEST, annotations)


def test_references_that_were_not_published_need_the_training_set(tmp_path: Path) -> None:
    root = miniature.cd_fsod(tmp_path, ["UODD"])
    (root / "UODD/annotations/train.json").unlink()
    part = PROTOCOLS["cd-fsod"].part(root, "UODD")
    assert len(part.references(1, 0)["annotations"]) == 2
    with pytest.raises(InputError, match=r"lacks files of CD-FSOD:\n  UODD/annotations/train"):
        part.references(5, 0)
