"""A folder from end to end with the toy models: order, resuming, failures, refusals."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from fiftyone_ntt.coco.findings import Findings
from fiftyone_ntt.coco.labelling import (
    FolderReport,
    build_bank_from_coco,
    relabel_folder,
    segment_folder,
)
from fiftyone_ntt.coco.results import coco_results
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.images import read_image
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.pipeline import Matcher, Pipeline
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.settings import MatchSettings, ProposalSettings
from fiftyone_ntt.errors import InputError, ModelError, StoreError
from fiftyone_ntt.store.proposal_store import ProposalStore
from fiftyone_ntt.store.stored_images import stored_setup
from tests import shapes
from tests.coco.files import annotation, content, rectangle, write, write_images
from tests.core.toy_models import BlindSegmenter, ToyEncoder, ToySegmenter, toy_models

IMAGES = [5, 2, 9, 1]
FEW_POINTS = ProposalSettings(points_per_side=6, iou_threshold=0.3)


class Folder:
    """References, targets and images in a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.images = write_images(root / "images", [1, 2, 5, 9])
        self.references = write(root / "refs.json", content([1, 2], self.annotations()))
        self.targets = write(root / "targets.json", content(IMAGES))
        (root / "out").mkdir()
        self.output = root / "out" / "results.json"
        self.journal = root / "out" / "results.json.journal"

    @staticmethod
    def annotations() -> list[dict[str, Any]]:
        return [
            annotation(10, 1, 7, **rectangle(5, 5, 20, 15)),
            annotation(11, 2, 3, bbox=[20, 10, 25, 20]),
            annotation(12, 1, 3, **rectangle(30, 10, 20, 20)),
        ]

    def bank(self) -> MemoryBank:
        return build_bank_from_coco(self.images, self.references, toy_models())

    def segment(self, **options: Any) -> FolderReport:
        models = options.pop("models", None) or toy_models()
        pipeline = Pipeline(
            options.pop("bank", None) or self.bank(),
            models.encoder,
            models.segmenter,
            options.pop("mode", "paper"),
            proposal_settings=options.pop("proposal_settings", FEW_POINTS),
            match_settings=options.pop("match_settings", MatchSettings()),
        )
        values = {"images": self.images, "targets": self.targets, "output": self.output}
        return segment_folder(**(values | options), pipeline=pipeline)

    def results(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.output.read_text())
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_the_bank_of_a_file(folder: Folder) -> None:
    bank = folder.bank()
    assert bank.classes == ("boat", "bird")
    assert bank.references.ids == ("11", "12", "10")
    assert bank.references.image_names == ("image-2.png", "image-1.png", "image-1.png")
    assert bank.class_counts() == {"boat": 2, "bird": 1}
    negatives = write(folder.root / "negatives.json", content([1], folder.annotations()[:1]))
    with_negatives = build_bank_from_coco(folder.images, folder.references, toy_models(), negatives)
    assert with_negatives.negatives.classes.tolist() == [1]


def test_results_are_those_of_the_method_in_file_order(folder: Folder) -> None:
    report = folder.segment()
    bank, expected = folder.bank(), []
    for key in IMAGES:
        image = read_image(folder.images / f"image-{key}.png", oriented=False)
        found = match(propose(image, ToySegmenter(), ToyEncoder(), FEW_POINTS), bank)
        expected += coco_results(found, key, [3, 7])
    assert folder.results() == json.loads(json.dumps(expected))
    assert report == FolderReport(images=4, resumed=0, detections=len(expected), failures={})
    assert {row["image_id"] for row in expected} == set(IMAGES)
    assert os.listdir(folder.output.parent) == ["results.json"]


def test_rows_are_consistent(folder: Folder) -> None:
    folder.segment()
    rows = folder.results()
    for row in rows:
        mask = coco_mask.decode(row["segmentation"])
        assert mask.shape == (40, 60)
        ys, xs = np.nonzero(mask)
        box = [xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()]
        assert row["bbox"] == box
        assert 0 < row["score"] <= 1
        assert row["category_id"] in (3, 7)
    for key in IMAGES:
        scores = [row["score"] for row in rows if row["image_id"] == key]
        assert scores == sorted(scores, reverse=True)
    positions = [IMAGES.index(row["image_id"]) for row in rows]
    assert positions == sorted(positions)


class Killed(Exception):
    """Stands for the death of the process."""


def kill_after(count: int) -> Any:
    def progress(done: int, total: int) -> None:
        if done == count:
            raise Killed

    return progress


@pytest.mark.parametrize("count, mode", [(1, "paper"), (3, "paper"), (4, "paper"), (2, "adaptive")])
def test_a_killed_run_is_continued_to_the_same_file(folder: Folder, count: int, mode: str) -> None:
    folder.segment(mode=mode)
    whole = folder.output.read_bytes()
    folder.output.unlink()
    with pytest.raises(Killed):
        folder.segment(progress=kill_after(count), mode=mode)
    assert not folder.output.exists()
    with folder.journal.open("ab") as file:
        file.write(b'{"image": [9, "ima')  # killed while writing
    segmenter, seen = ToySegmenter(), []
    report = folder.segment(
        models=toy_models(segmenter=segmenter),
        progress=lambda done, total: seen.append(done),
        mode=mode,
    )
    assert report.resumed == count
    assert segmenter.embedded == 4 - count
    assert seen == list(range(count + 1, 5))
    assert folder.output.read_bytes() == whole
    assert not folder.journal.exists()


@pytest.mark.parametrize(
    "options",
    [
        {"proposal_settings": ProposalSettings(points_per_side=5)},
        {"match_settings": MatchSettings(max_instances=3)},
        {"models": toy_models(segmenter=ToySegmenter("toy-segmenter:2"))},
    ],
)
def test_another_runs_journal_is_refused(folder: Folder, options: dict[str, Any]) -> None:
    with pytest.raises(Killed):
        folder.segment(progress=kill_after(2))
    with pytest.raises(StoreError, match=r"results.json.journal holds the unfinished work"):
        folder.segment(**options)
    assert folder.segment().resumed == 2


def test_a_journal_of_other_categories_or_images_is_refused(folder: Folder) -> None:
    with pytest.raises(Killed):
        folder.segment(progress=kill_after(2))
    other = write(folder.root / "other.json", content(IMAGES, None, {1: "bird", 2: "boat"}))
    with pytest.raises(StoreError, match=r"other images"):
        folder.segment(targets=other)
    with pytest.raises(StoreError, match=r"other images"):
        folder.segment(images=write_images(folder.root / "elsewhere", IMAGES))


def test_an_id_that_now_names_another_image_is_done_again(folder: Folder) -> None:
    swapped = content(IMAGES)
    swapped["images"][0]["file_name"] = "image-1.png"
    swapped["images"][3]["file_name"] = "image-5.png"
    other = write(folder.root / "swapped.json", swapped)
    folder.segment(targets=other)
    expected = folder.output.read_bytes()
    with pytest.raises(Killed):
        folder.segment(progress=kill_after(2))
    assert folder.segment(targets=other).resumed == 1
    assert folder.output.read_bytes() == expected


def test_images_may_be_added_and_removed_before_continuing(folder: Folder) -> None:
    with pytest.raises(Killed):
        folder.segment(progress=kill_after(2))
    fewer = write(folder.root / "fewer.json", content([2, 1]))
    report = folder.segment(targets=fewer)
    assert (report.images, report.resumed) == (2, 1)
    assert {row["image_id"] for row in folder.results()} == {1, 2}


def test_unreadable_images_are_reported_and_do_not_stop(folder: Folder) -> None:
    (folder.images / "image-2.png").write_bytes(b"no image")
    (folder.images / "image-1.png").unlink()
    bank = build_bank_from_coco(
        write_images(folder.root / "sources", [1, 2]), folder.references, toy_models()
    )
    seen = []
    report = folder.segment(bank=bank, progress=lambda *state: seen.append(state))
    assert list(report.failures) == ["image-2.png", "image-1.png"]
    assert "image-2.png cannot be read" in report.failures["image-2.png"]
    assert "no such file" in report.failures["image-1.png"]
    assert {row["image_id"] for row in folder.results()} == {5, 9}
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_same_call_does_the_images_that_failed_alone(folder: Folder) -> None:
    folder.segment()
    whole = folder.output.read_bytes()
    bank, image = folder.bank(), folder.images / "image-2.png"
    pixels = image.read_bytes()
    image.write_bytes(b"no image")
    for resumed, computed in ((0, 3), (3, 0)):
        segmenter = ToySegmenter()
        report = folder.segment(bank=bank, models=toy_models(segmenter=segmenter))
        assert (report.resumed, list(report.failures)) == (resumed, ["image-2.png"])
        assert segmenter.embedded == computed
        assert {row["image_id"] for row in folder.results()} == {5, 9, 1}
    image.write_bytes(pixels)
    segmenter = ToySegmenter()
    report = folder.segment(bank=bank, models=toy_models(segmenter=segmenter))
    assert (report.resumed, report.failures, segmenter.embedded) == (3, {}, 1)
    assert folder.output.read_bytes() == whole
    assert os.listdir(folder.output.parent) == ["results.json"]


def test_an_image_replaced_meanwhile_is_done_again(folder: Folder) -> None:
    bank, (other, bad) = folder.bank(), (folder.images / f"image-{key}.png" for key in (5, 9))
    pixels = bad.read_bytes()
    bad.write_bytes(b"no image")
    folder.segment(bank=bank)
    bad.write_bytes(pixels)
    Image.open(folder.images / "image-1.png").rotate(180).save(other)
    segmenter = ToySegmenter()
    report = folder.segment(bank=bank, models=toy_models(segmenter=segmenter))
    assert (report.resumed, segmenter.embedded) == (2, 2)
    found = folder.output.read_bytes()
    folder.segment(bank=bank)
    assert folder.output.read_bytes() == found


def test_after_failures_another_run_may_take_the_output(folder: Folder) -> None:
    bank = folder.bank()
    (folder.images / "image-9.png").unlink()
    folder.segment(bank=bank)
    other = ProposalSettings(points_per_side=5)
    assert folder.segment(bank=bank, proposal_settings=other).resumed == 0


@pytest.mark.parametrize(
    "record",
    [
        *(None, 7, [], {}, {"image": [5, "image-5.png"]}, {"image": 5, "results": []}),
        {"image": [[], {}], "file": [1, 2], "results": []},
        {"image": [5, "image-5.png"], "file": None, "results": []},
        {"image": [5, "image-5.png"], "results": []},  # as an earlier version wrote it
    ],
)
def test_records_of_another_form_are_passed_over(folder: Folder, record: Any) -> None:
    with pytest.raises(Killed):
        folder.segment(progress=kill_after(2))
    head = folder.journal.read_bytes().splitlines(keepends=True)[0]
    text = json.dumps(record).encode()
    folder.journal.write_bytes(head + b"%08x %b\n" % (zlib.crc32(text), text))
    assert folder.segment().resumed == 0


def test_bit_depth_of_references_and_targets(folder: Folder) -> None:
    """Samples of 900 need 10 bits; as of 12 they are a quarter as bright."""
    seen: list[int] = []

    class Watching(ToySegmenter):
        def embed(self, images: Any) -> Any:
            seen.append(round(255 * float(images.max())))
            return super().embed(images)

    bank = folder.bank()
    for key in IMAGES:
        Image.fromarray(np.full((40, 60), 900, np.uint16)).save(folder.images / f"image-{key}.png")
    for depth, brightest, told in ((None, 225, "10 bits, which"), (12, 56, "12 bits)")):
        seen.clear()
        findings = Findings()
        models = toy_models(segmenter=Watching())
        folder.segment(bank=bank, models=models, findings=findings, bit_depth=depth)
        assert seen == [brightest] * 4
        assert f"read as of one bit depth: 1 ({told}" in findings.lines()[0]
    with pytest.raises(InputError, match=r"the bit depth is 9: use one of 8, 10, 12"):
        folder.segment(bank=bank, bit_depth=9)
    report = folder.segment(bank=bank, bit_depth=8)
    assert "set the bit depth to 10" in report.failures["image-5.png"]


def test_bit_depth_of_a_bank(folder: Folder) -> None:
    gray = np.full((40, 60), 100, np.uint16)
    gray[5:20, 5:25] = 900
    for key in (1, 2):
        Image.fromarray(gray).save(folder.images / f"image-{key}.png")
    surveyed, ten, twelve = (
        build_bank_from_coco(folder.images, folder.references, toy_models(), bit_depth=depth)
        for depth in (None, 10, 12)
    )
    np.testing.assert_array_equal(surveyed.references.prototypes, ten.references.prototypes)
    assert not np.array_equal(ten.references.prototypes, twelve.references.prototypes)


def test_with_a_store_another_bank_needs_no_network(folder: Folder) -> None:
    store = ProposalStore(folder.root / "store")
    segmenter = ToySegmenter()
    folder.segment(models=toy_models(segmenter=segmenter), store=store)
    first = folder.results()
    assert segmenter.embedded == 4
    references = write(folder.root / "other.json", content([1, 2], folder.annotations()[:2]))
    bank = build_bank_from_coco(folder.images, references, toy_models())
    report = folder.segment(bank=bank, models=toy_models(segmenter=segmenter), store=store)
    stored = folder.results()
    assert (segmenter.embedded, report.resumed) == (4, 0)
    folder.segment(bank=bank)
    keys = ("image_id", "category_id", "bbox", "segmentation")
    assert [[row[key] for key in keys] for row in stored] == [
        [row[key] for key in keys] for row in folder.results()
    ]
    assert stored != first


def matcher(bank: MemoryBank, store: ProposalStore, **options: Any) -> Matcher:
    return Matcher(bank, stored_setup(store, bank, 6, 0), **options)


def filled(folder: Folder, keys: list[int]) -> tuple[ProposalStore, MemoryBank]:
    """A store with proposals of some images, and another bank than they were run for."""
    store = ProposalStore(folder.root / "store")
    some = write(folder.root / "some.json", content(keys))
    report = folder.segment(targets=some, store=store)
    assert (report.images, report.not_run) == (len(keys), 0)
    rows = [*folder.annotations()[:1], folder.annotations()[2]]
    references = write(folder.root / "other.json", content([1, 2], rows))
    return store, build_bank_from_coco(folder.images, references, toy_models())


@pytest.mark.parametrize(
    "mode, settings",
    [("paper", MatchSettings()), ("best", MatchSettings(confidence_threshold=0.3))],
)
def test_relabelling_equals_a_fresh_run_with_a_store(
    folder: Folder, mode: Any, settings: MatchSettings
) -> None:
    store, bank = filled(folder, IMAGES)
    chosen = matcher(bank, store, mode=mode, match_settings=settings)
    report = relabel_folder(folder.images, folder.targets, chosen, folder.output, store=store)
    relabelled = folder.output.read_bytes()
    assert (report.images, report.not_run, report.failures) == (4, 4, {})
    fresh = folder.segment(
        bank=bank, mode=mode, match_settings=settings, store=ProposalStore(folder.root / "fresh")
    )
    assert fresh.not_run == 0
    assert folder.output.read_bytes() == relabelled
    assert report.detections == fresh.detections > 0


def test_relabelling_and_segmenting_go_on_with_each_others_work(folder: Folder) -> None:
    store, bank = filled(folder, [5, 2])
    report = relabel_folder(
        folder.images, folder.targets, matcher(bank, store), folder.output, store=store
    )
    assert list(report.failures) == ["image-9.png", "image-1.png"]
    assert "has no proposals in" in report.failures["image-9.png"]
    segmenter = ToySegmenter()
    report = folder.segment(bank=bank, store=store, models=toy_models(segmenter=segmenter))
    assert (report.resumed, report.failures, segmenter.embedded) == (2, {}, 2)
    found = folder.output.read_bytes()
    relabel_folder(folder.images, folder.targets, matcher(bank, store), folder.output, store=store)
    assert folder.output.read_bytes() == found


def test_relabelling_past_three_unreadable_images(folder: Folder) -> None:
    store, bank = filled(folder, IMAGES)
    chosen = matcher(bank, store)

    def relabel(progress: Any = None) -> FolderReport:
        return relabel_folder(
            folder.images, folder.targets, chosen, folder.output, store=store, progress=progress
        )

    relabel()
    whole = folder.output.read_bytes()
    paths = [folder.images / f"image-{key}.png" for key in (5, 2, 1)]
    pixels = [path.read_bytes() for path in paths]
    for path in paths:
        path.write_bytes(b"no image")
    report = relabel()
    assert list(report.failures) == [path.name for path in paths]
    assert {row["image_id"] for row in folder.results()} == {9}
    for path, found in zip(paths, pixels, strict=True):
        path.write_bytes(found)
    seen = []
    report = relabel(lambda done, total: seen.append(done))
    assert (report.resumed, report.not_run, seen) == (1, 3, [2, 3, 4])
    assert folder.output.read_bytes() == whole


def test_relabelling_without_what_it_needs(folder: Folder) -> None:
    store = ProposalStore(folder.root / "store")
    with pytest.raises(
        InputError, match=r"holds no proposals with the encoder toy-encoder:1 and 6"
    ):
        stored_setup(store, folder.bank(), 6, 0)
    store, bank = filled(folder, IMAGES)
    adaptive = matcher(bank, store, mode="adaptive")
    with pytest.raises(InputError, match=r"adaptive"):
        relabel_folder(folder.images, folder.targets, adaptive, folder.output, store=store)


def test_nothing_found_anywhere_is_an_empty_file(folder: Folder) -> None:
    report = folder.segment(models=toy_models(segmenter=BlindSegmenter()))
    assert report == FolderReport(4, 0, 0, {})
    assert folder.results() == []


def test_what_does_not_fit_is_refused_before_any_work(folder: Folder) -> None:
    with pytest.raises(ModelError, match=r"made with the encoder toy-encoder:1, not with toy:2"):
        folder.segment(models=toy_models(ToyEncoder("toy:2")))
    strange = write(folder.root / "strange.json", content(IMAGES, None, {1: "cat", 3: "boat"}))
    with pytest.raises(InputError, match=r"has no category for the bank's classes bird. Add"):
        folder.segment(targets=strange)
    spelled = write(folder.root / "spelled.json", content(IMAGES, None, {1: "Bird ", 3: "boat"}))
    with pytest.raises(InputError, match=r"'bird' looks like 'Bird ': names must be equal"):
        folder.segment(targets=spelled)
    with shapes.unchecked(), pytest.raises(InputError, match=r"mode 'fast' is unknown"):
        folder.segment(mode="fast")
    with pytest.raises(StoreError, match=r"is a folder. Pass the path of a file"):
        folder.segment(output=folder.root)
    assert not folder.output.exists()
    assert not folder.journal.exists()


def test_an_old_output_stays_until_the_new_one_is_complete(folder: Folder) -> None:
    folder.segment()
    old = folder.output.read_bytes()
    with pytest.raises(Killed):
        folder.segment(progress=kill_after(3))
    assert folder.output.read_bytes() == old


def test_boxes_are_those_of_their_masks_as_coco_has_them(folder: Folder) -> None:
    folder.segment()
    for row in folder.results():
        assert row["bbox"] == coco_mask.toBbox(row["segmentation"]).tolist()


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("orientation", [6, 8])
def test_a_photo_on_its_side_is_segmented_as_it_was_annotated(
    folder: Folder, orientation: int, stored: bool
) -> None:
    """The stated size tells whether its labels lie on the photo as shown or as stored."""
    with_store = ProposalStore(folder.root / "store")
    folder.segment(store=with_store)
    upright = Image.open(folder.images / "image-5.png")
    whole = [row for row in folder.results() if row["image_id"] == 5]
    # Turned back by viewers: what they show is the picture that the results above are of.
    turned = upright.rotate(90 if orientation == 6 else -90, expand=True)
    exif = turned.getexif()
    exif[0x0112] = orientation
    turned.save(folder.images / "image-5.png", exif=exif)
    data = content(IMAGES)
    if stored:
        data["images"][0].update(height=turned.height, width=turned.width)
    report = folder.segment(targets=write(folder.root / "turned.json", data), store=with_store)
    assert report.failures == {}
    found = [row for row in folder.results() if row["image_id"] == 5]
    assert (found == whole) is not stored
    size = [turned.height, turned.width] if stored else [upright.height, upright.width]
    assert all(row["segmentation"]["size"] == size for row in found)


def test_an_image_of_another_size_than_stated_fails(folder: Folder) -> None:
    Image.new("RGB", (30, 20)).save(folder.images / "image-9.png")
    report = folder.segment()
    assert list(report.failures) == ["image-9.png"]
    assert "states 60 x 40 px, but" in report.failures["image-9.png"]


def test_references_that_cannot_be_used_are_left_out(folder: Folder) -> None:
    rows = [*folder.annotations(), annotation(13, 1, 7, bbox=[50, 5, 40, 9])]
    references = write(folder.root / "more.json", content([1, 2], rows))
    with pytest.raises(InputError, match=r"annotation 13: its bbox .* reaches outside"):
        build_bank_from_coco(folder.images, references, toy_models())
    findings = Findings("skip")
    bank = build_bank_from_coco(folder.images, references, toy_models(), findings=findings)
    assert bank.references.ids == folder.bank().references.ids
    assert findings.counts == {"box outside the image": 1}
