"""YOLO's files: splits, names, polygons and boxes; objects of several parts stay one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from jaxtyping import Bool
from PIL import Image
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.findings import Findings, RecordError
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.formats.opened_labels import open_labels
from fiftyone_ntt.formats.recognising import recognise
from tests.formats.reading_back import part_sizes, read_back
from tests.formats.scenes import CLASSES, Part, Scene, SceneObject, make_scenes

SIZE = (40, 60)
Corners = tuple[tuple[int, int], ...]


def joined(parts: tuple[Part, ...]) -> list[tuple[int, int]]:
    """One outline with seams that are gone over twice, as Ultralytics' `merge_multi_segment` and
    Roboflow write objects of several parts and holes."""
    line: list[tuple[int, int]] = []
    rings = [ring for part in parts for ring in (part.outer, *part.holes)]
    start = rings[0][0]
    for ring in rings:
        line += [*ring, ring[0], start]
    return line


def drawn(item: SceneObject, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Each ring by pycocotools, holes cut out."""
    mask = np.zeros(size, dtype=bool)
    for part in item.parts:
        outer, *holes = (
            coco_mask.decode(coco_mask.frPyObjects([np.ravel(ring).tolist()], *size))[..., 0] > 0
            for ring in (part.outer, *part.holes)
        )
        for hole in holes:
            outer &= ~hole
        mask |= outer
    return mask


def line_of(item: SceneObject, size: tuple[int, int]) -> str:
    corners = np.array(joined(item.parts)) / (size[1], size[0])
    numbers = " ".join(f"{value:.6g}" for value in corners.ravel())
    return f"{CLASSES.index(item.label)} {numbers}"


def write_scenes(folder: Path, scenes: list[Scene], *, listed: bool = True) -> Path:
    for number, scene in enumerate(scenes):
        split = ("train", "val")[number % 2]
        scene.save_image(folder / "images" / split)
        if scene.objects:
            labels = folder / "labels" / split / f"{Path(scene.name).stem}.txt"
            labels.parent.mkdir(parents=True, exist_ok=True)
            labels.write_text("\n".join(line_of(item, scene.size) for item in scene.objects))
    names = list(CLASSES) if listed else dict(enumerate(CLASSES))
    content = {"path": "/datasets/elsewhere", "train": "images/train", "val": "images/val"}
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump({**content, "names": names}, allow_unicode=True), "utf-8")
    return path


def write(folder: Path, *lines: str, data: str = "names: [boat, buoy]\ntrain: images\n") -> Path:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    Image.new("RGB", SIZE[::-1]).save(folder / "images" / "one.png")
    (folder / "labels" / "one.txt").write_text("\n".join(lines))
    path = folder / "data.yaml"
    path.write_text(data)
    return path


@pytest.mark.parametrize("listed", [True, False])
def test_scenes_come_back(tmp_path: Path, listed: bool) -> None:
    scenes = make_scenes(seed=int(listed))
    path = write_scenes(tmp_path, scenes, listed=listed)
    found = read_back(path)
    assert open_labels(path).classes == CLASSES
    assert sorted(found) == sorted(scene.name for scene in scenes)
    for scene in scenes:
        assert [item.label for item in found[scene.name]] == [it.label for it in scene.objects]
        for item, true in zip(found[scene.name], scene.objects, strict=True):
            np.testing.assert_array_equal(item.mask, drawn(true, scene.size))
    assert max(part_sizes(path)) <= 200


def test_what_ultralytics_draws_besides(tmp_path: Path) -> None:
    """`polygon2mask` of ultralytics 8.4.190: corners cut to whole pixels and `cv2.fillPoly`, so the
    right and bottom edge too, and the seams of joined parts."""
    part, other = Part(((5, 5), (15, 5), (15, 15), (5, 15))), Part(((30, 5), (40, 5), (40, 15)))
    both = SceneObject("boat", (part, other), np.zeros(SIZE, bool))
    path = write(
        tmp_path, line_of(SceneObject("boat", (part,), both.mask), SIZE), line_of(both, SIZE)
    )
    one, two = read_back(path)["one.png"]
    counts = []
    for parts in ((part,), (part, other)):
        canvas = np.zeros(SIZE, np.uint8)
        cv2.fillPoly(canvas, [np.array(joined(parts), np.int32)], 1)
        counts.append(int(canvas.sum()))
    assert counts == [121, 201]
    assert one.mask is not None and np.count_nonzero(one.mask) == 100
    assert two.mask is not None and np.count_nonzero(two.mask) == 145


def test_boxes_scores_and_tracks(tmp_path: Path) -> None:
    triangle = "0.1 0.1 0.5 0.1 0.5 0.5"
    path = write(
        tmp_path,
        "0 0.5 0.5 0.2 0.1",
        "",
        "1.0 0.5 0.5 0.2 0.1 0.75",
        f"1 {triangle} 0.5",
        f"1 {triangle} 17",
        "0 0.05 0.5 0.101 1",
    )
    box, scored, shape, tracked, over = read_back(path)["one.png"]
    assert box.mask is None and box.box == pytest.approx((24, 18, 12, 4))
    assert (scored.label, scored.score, scored.mask) == ("buoy", 0.75, None)
    assert shape.score == 0.5 and shape.mask is not None and shape.mask.any()
    assert tracked.score is None and tracked.attributes == {"track_id": 17}
    assert over.box == pytest.approx((0, 0, 6.03, 40))  # cut at the border


def test_keypoints_are_left_out_and_said(tmp_path: Path) -> None:
    data = "names: {0: gull}\ntrain: images\nval:\nkpt_shape: [2, 3]\n"
    path = write(tmp_path, "0 0.5 0.5 0.2 0.1 0.5 0.5 2 0.4 0.4 1", data=data)
    [found] = read_back(path)["one.png"]
    assert found.mask is None and found.box == pytest.approx((24, 18, 12, 4))
    assert open_labels(path).lost == ("keypoints: 6 numbers an object",)


BAD = [
    ("0", "malformed entry"),
    ("0 0.1 0.1 0.5", "malformed entry"),
    ("boat 0.5 0.5 0.2 0.1", "malformed entry"),
    ("0 0.5 0.5 nan 0.1", "malformed entry"),
    ("0 0.5 0.5 0.2 1e999", "malformed entry"),
    ("0 30 20 12 4", "malformed entry"),
    ("2 0.5 0.5 0.2 0.1", "unknown category"),
    ("-1 0.5 0.5 0.2 0.1", "unknown category"),
    ("0 0.5 0.5 0 0", "empty segmentation"),
    ("0 0.5 0.5 0.5 0.5 0.5 0.5", "empty segmentation"),
]


@pytest.mark.parametrize(("bad", "kind"), BAD)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, bad: str, kind: str) -> None:
    path = write(tmp_path, "0 0.5 0.5 0.2 0.1", bad)
    with pytest.raises(RecordError, match=r"labels/one\.txt line 2") as caught:
        read_back(path)
    assert caught.value.kind == kind
    findings = Findings("skip")
    assert len(read_back(path, findings=findings)["one.png"]) == 1
    assert findings.counts == {kind: 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("names: [a]\ntrain: nowhere\n", "split 'train': there is no"),
        ("names:\ntrain: images\n", "'names' is"),
        ("names: {a: b}\ntrain: images\n", "'names' is"),
        ("names: [[a]]\ntrain: images\n", "'names' is"),
        ("names: [a\ntrain: images\n", "is not a YAML file"),
    ],
)
def test_a_data_yaml_that_cannot_be_used(tmp_path: Path, data: str, message: str) -> None:
    path = write(tmp_path, data=data)
    with pytest.raises(InputError, match=message):
        read_back(path, format="yolo")


def test_names_stay_as_they_are_written(tmp_path: Path) -> None:
    """YAML takes `no` for a truth value, and 007 for 7."""
    path = write(tmp_path, "1 0.5 0.5 0.2 0.1", data="names: [yes, no, 007]\ntrain: images\n")
    assert open_labels(path).classes == ("yes", "no", "007")


def test_folders_as_roboflow_and_label_studio_write_them(tmp_path: Path) -> None:
    """Roboflow: `../train/images`, for what lies beside the file; Label Studio: no data.yaml."""
    data = "names: [boat]\ntrain: ../train/images\nval: ../valid/images\n"
    write(tmp_path / "train", "0 0.5 0.5 0.2 0.1")
    (tmp_path / "train" / "data.yaml").unlink()
    (tmp_path / "data.yaml").write_text(data)
    assert len(read_back(tmp_path)["one.png"]) == 1
    assert open_labels(tmp_path).lost[0].startswith("split 'val': there is no")
    plain = tmp_path / "train"
    known, why = recognise(plain)
    assert (known.name, "folders images and labels" in why) == ("yolo", True)
    assert open_labels(plain).classes == ("0",)
    (plain / "classes.txt").write_text("boat\nbuoy\n")
    assert [item.label for item in read_back(plain)["one.png"]] == ["boat"]


def test_classes_of_folders_that_are_not_named(tmp_path: Path) -> None:
    """As supervision 0.31.2 writes data.yaml."""
    path = write(tmp_path, "1 0.5 0.5 0.2 0.1", data="nc: 2\nnames: [boat, buoy]\n")
    for given in (path, tmp_path):
        assert recognise(given)[0].name == "yolo"
        assert open_labels(given).classes == ("boat", "buoy")
        [item] = read_back(given)["one.png"]
        assert item.label == "buoy" and part_sizes(given) == [1]
    (tmp_path / "labels").rename(tmp_path / "texts")
    with pytest.raises(InputError, match=r"neither YOLO's data\.yaml nor"):
        open_labels(path, "yolo")


def test_images_that_are_elsewhere(tmp_path: Path) -> None:
    path = write(tmp_path / "set", "0 0.5 0.5 0.2 0.1")
    (tmp_path / "set" / "images").rename(tmp_path / "photos")
    with pytest.raises(InputError, match=r"pass the folder of the images as images="):
        read_back(path)
    assert len(read_back(path, images=tmp_path / "photos")["one.png"]) == 1


def test_lists_of_images_and_random_bytes(tmp_path: Path) -> None:
    """Whatever is in the label file, it is read or named."""
    data = "names: [boat]\ntrain: train.txt\n"
    path = write(tmp_path, "0 0.5 0.5 0.2 0.1", data=data)
    (tmp_path / "train.txt").write_text("./images/one.png\n./images/gone.png\n")
    findings = Findings("skip")
    assert len(read_back(path, findings=findings)["one.png"]) == 1
    assert findings.counts == {"missing image": 1}


def test_label_files_of_random_bytes(tmp_path: Path) -> None:
    """Whatever is in one, it is read or named."""
    path = write(tmp_path, "0 0.5 0.5 0.2 0.1")
    random = np.random.default_rng(5)
    (tmp_path / "images" / "two.png").write_bytes((tmp_path / "images" / "one.png").read_bytes())
    for alphabet in (np.arange(256), np.frombuffer(b"0123456789. -e\n", np.uint8)):
        for _ in range(40):
            content = random.choice(alphabet, 80).astype(np.uint8).tobytes()
            (tmp_path / "labels" / "one.txt").write_bytes(content)
            assert "two.png" in read_back(path, findings=Findings("skip"))
