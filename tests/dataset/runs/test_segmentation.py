"""Segmenting views: what is written, where, and what happens when something goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F

import fiftyone_ntt.dataset.runs.runner as runner
from fiftyone_ntt import build_memory_bank, load_memory_bank, save_memory_bank, segment
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.dataset.labels.detections import ATTRIBUTES
from fiftyone_ntt.dataset.labels.masks import detection_mask
from fiftyone_ntt.dataset.runs.run_record import COMPLETED, FAILED, RUNNING
from fiftyone_ntt.dataset.runs.segmentation import METHOD
from fiftyone_ntt.errors import InputError, ModelError
from fiftyone_ntt.models import load_models
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import COLOURS, add_scenes
from tests.shapes import python_path

SIZE = (96, 128)
MODELS = colour_models()
GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture
def scenes(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    add_scenes(dataset, tmp_path, 6)
    return dataset


@pytest.fixture
def bank(scenes: fo.Dataset) -> MemoryBank:
    return build_memory_bank(scenes[:2], "ground_truth", models=MODELS, name="colours")


def snapshot(samples: Any, field: str = "predictions") -> dict[str, list[tuple]]:
    """Every detection with its id, mask and attributes."""
    return {
        sample.id: [
            (d.id, d.label, d.confidence, d.bounding_box, d.mask.tobytes(), d.margin, d.run)
            for d in sample[field].detections
        ]
        for sample in samples
        if sample[field] is not None
    }


def without_ids(detections: dict[str, list[tuple]]) -> list[list[tuple]]:
    return [[row[1:-1] for row in rows] for rows in detections.values()]


def test_finds_every_object_with_its_class_and_mask(scenes, bank):
    report = segment(scenes, bank, models=MODELS)
    assert (report.images, report.written, report.skipped, report.failures) == (6, 6, 0, {})
    assert report.detections == scenes.count("predictions.detections") == 18
    assert "18 detections in 6 of 6 images; " in str(report)
    for sample in scenes:
        found = {d.label: d for d in sample.predictions.detections}
        assert set(found) == set(COLOURS)
        for truth in sample.ground_truth.detections:
            mask, expected = detection_mask(found[truth.label], SIZE), detection_mask(truth, SIZE)
            assert (mask & expected).sum() / (mask | expected).sum() > 0.8


def test_each_detection_says_where_it_comes_from(scenes, bank):
    report = segment(scenes, bank, models=MODELS)
    names = scenes.get_field_schema()["predictions"].get_field_schema()["detections"].field
    assert set(ATTRIBUTES) | {"run"} <= set(names.get_field_schema())
    labels = dict(
        zip(
            scenes.values("ground_truth.detections.id", unwind=True),
            scenes.values("ground_truth.detections.label", unwind=True),
            strict=True,
        )
    )
    for detection in scenes.first().predictions.detections:
        assert detection.run == report.run
        assert detection.runner_up in set(COLOURS) - {detection.label}
        assert 0 < detection.margin <= detection.confidence
        assert labels[detection.nearest_reference] == detection.label
    low = scenes.filter_labels("predictions", F("margin") < 0.5)
    assert 0 <= low.count("predictions.detections") <= 18


def test_one_class_has_no_runner_up(scenes):
    bank = build_memory_bank(scenes[:1], "ground_truth", models=MODELS, classes=["red"])
    segment(scenes[:1], bank, models=MODELS)
    assert scenes.first().predictions.detections[0].runner_up is None


def test_writes_to_the_view_alone(scenes, bank):
    view = scenes.skip(2).limit(3)
    before = scenes.values("last_modified_at")
    report = segment(view, bank, models=MODELS)
    assert report.images == 3
    assert scenes.exists("predictions").values("id") == view.values("id")
    after = scenes.values("last_modified_at")
    changed = [old != new for old, new in zip(before, after, strict=True)]
    assert changed == [False, False, True, True, True, False]


def test_a_filtered_view_still_gets_whole_detections(scenes, bank):
    """Labels hidden by the view's filters must not turn the writing into a merge."""
    segment(scenes, bank, models=MODELS)
    hidden = scenes.filter_labels("predictions", F("label") == "nothing", only_matches=False)
    report = segment(hidden, bank, models=MODELS, points_per_side=16, overwrite=True)
    assert report.written == 6
    assert set(scenes.values("predictions.run")) == {report.run}
    assert scenes.count("predictions.detections") == 18


def test_a_second_run_changes_nothing(scenes, bank):
    first = segment(scenes, bank, models=MODELS)
    written = snapshot(scenes)
    second = segment(scenes, bank, models=MODELS)
    assert (second.run, second.skipped, second.written) == (first.run, 6, 0)
    assert snapshot(scenes) == written
    assert "6 already done" in str(second)


def test_new_samples_are_caught_up_with(scenes, bank, tmp_path):
    segment(scenes, bank, models=MODELS)
    written = snapshot(scenes)
    add_scenes(scenes, tmp_path, 2, start=6)
    report = segment(scenes, bank, models=MODELS)
    assert (report.skipped, report.written) == (6, 2)
    assert snapshot(scenes[:6]) == written


def test_the_run_is_known_by_what_decides_its_result(scenes, bank):
    view = scenes[:1]

    def run(field: str = "a", the_bank: Any = bank, **options: Any) -> str:
        return segment(view, the_bank, field, models=MODELS, overwrite=True, **options).run

    key = run()
    assert (
        key
        == run(the_bank=bank.renamed("another name"))
        == run(chunk_size=1)
        == run(the_bank="colours")
    )
    others = [
        run(points_per_side=16),
        run(confidence_thresh=0.5),
        run(the_bank=build_memory_bank(scenes[2:4], "ground_truth", models=MODELS)),
        segment(view, bank, "a", models=colour_models(segmenter="x:2"), overwrite=True).run,
    ]
    assert len({key, *others}) == 5


def test_the_record_tells_the_status(scenes, bank):
    report = segment(scenes, bank, models=MODELS)
    assert scenes.list_runs(method=METHOD) == [report.run]
    config = scenes.get_run_info(report.run).config
    assert (config.status, config.done, config.failed, config.bank) == (COMPLETED, 6, 0, "colours")
    assert config.encoder == "colour-encoder:1"
    assert config.proposal_settings["points_per_side"] == 32


def test_confidence_threshold(scenes, bank):
    segment(scenes, bank, "all", models=MODELS)
    limit = float(np.median(scenes.values("all.detections.confidence", unwind=True)))
    segment(scenes, bank, "few", models=MODELS, confidence_thresh=limit)
    expected = scenes.filter_labels("all", F("confidence") >= limit)
    assert scenes.count("few.detections") == expected.count("all.detections")


@pytest.mark.parametrize("progress", [None, False])
def test_an_empty_view_is_an_empty_report(scenes, bank, progress):
    report = segment(scenes[6:], bank, models=MODELS, progress=progress)
    assert (report.images, report.written, report.failures) == (0, 0, {})
    assert "predictions" not in scenes.get_field_schema()


def test_progress_can_be_a_function(scenes, bank):
    seen: list[tuple[int, int]] = []
    segment(scenes, bank, models=MODELS, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 6) for i in range(1, 7)]


# What goes wrong


def test_an_unreadable_image_is_reported_and_the_others_done(scenes, bank):
    broken, missing = scenes.skip(2).first(), scenes.skip(3).first()
    Path(broken.filepath).write_bytes(Path(broken.filepath).read_bytes()[:150])
    Path(missing.filepath).unlink()
    report = segment(scenes, bank, models=MODELS)
    assert report.written == 4
    assert set(report.failures) == {broken.id, missing.id}
    assert "No such file" in report.failures[missing.id]
    assert broken.filepath in report.failures[broken.id]
    assert "2 failed" in str(report) and broken.id in str(report)
    assert scenes.exists("predictions", False).values("id") == [broken.id, missing.id]
    assert scenes.get_run_info(report.run).config.failed == 2
    stored = scenes.load_run_results(report.run, cache=False)
    assert stored.failures == report.failures


def test_detections_too_large_for_the_database_are_reported(scenes, bank, monkeypatch):
    huge = scenes.skip(1).first()
    work_through = runner._compute_and_write

    def with_one_huge_result(writing, control, todo, load, compute, *rest):
        def big(sample_id, loaded):
            found = compute(sample_id, loaded)
            if sample_id == huge.id:
                found["detections"][0]["ballast"] = "x" * 17_000_000
            return found

        work_through(writing, control, todo, load, big, *rest)

    monkeypatch.setattr(runner, "_compute_and_write", with_one_huge_result)
    report = segment(scenes, bank, models=MODELS)
    assert report.written == 5
    assert list(report.failures) == [huge.id]
    assert "cannot be stored" in report.failures[huge.id]
    assert scenes.exists("predictions", False).values("id") == [huge.id]


def test_all_images_failing_is_a_failed_run(scenes, bank):
    for path in scenes.values("filepath"):
        Path(path).unlink()
    report = segment(scenes, bank, models=MODELS)
    config = scenes.get_run_info(report.run).config
    assert (config.status, config.reason) == (FAILED, "all 6 images failed")


def test_ctrl_c_keeps_what_is_finished(scenes, bank):
    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment(scenes, bank, models=MODELS, progress=interrupt)
    assert len(scenes.exists("predictions")) == 3
    (run,) = scenes.list_runs(method=METHOD)
    config = scenes.get_run_info(run).config
    assert (config.status, config.done, config.reason) == (FAILED, 3, "KeyboardInterrupt")
    assert segment(scenes, bank, models=MODELS).written == 3


SLOWLY = """
import sys, time
import fiftyone as fo
from fiftyone_ntt import segment
from tests.dataset.colour_models import colour_models

def slowly(done, total):
    print(done, flush=True)
    time.sleep(0.3)

segment(fo.load_dataset(sys.argv[1]), "colours", models=colour_models(), chunk_size=2,
        progress=slowly)
"""


def test_killed_half_way_it_finishes_the_rest_and_touches_nothing_written(scenes, bank):
    child = subprocess.Popen(
        [sys.executable, "-c", SLOWLY, scenes.name],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"PYTHONPATH": python_path(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    while child.stdout.readline().strip() != "3":
        assert child.poll() is None
    child.kill()
    assert child.wait() == -signal.SIGKILL
    scenes.reload()
    half = snapshot(scenes)
    assert len(half) == 2
    (run,) = scenes.list_runs(method=METHOD)
    assert scenes.get_run_info(run).config.status == RUNNING

    report = segment(scenes, "colours", models=MODELS)
    assert (report.run, report.skipped, report.written) == (run, 2, 4)
    done = snapshot(scenes)
    assert {key: done[key] for key in half} == half
    segment(scenes, bank, "in_one_go", models=MODELS)
    assert without_ids(snapshot(scenes, "in_one_go")) == without_ids(done)
    assert scenes.get_run_info(run).config.status == COMPLETED


def test_detections_of_another_origin_are_not_overwritten_unasked(scenes, bank):
    scenes.clone_sample_field("ground_truth", "predictions")
    before = scenes.values("predictions.detections.id")
    with pytest.raises(InputError, match=r"6 of these 6 .* an unknown source.*overwrite=True"):
        segment(scenes, bank, models=MODELS)
    assert scenes.values("predictions.detections.id") == before
    assert segment(scenes, bank, models=MODELS, overwrite=True).written == 6
    with pytest.raises(InputError, match="already holds detections from ntt_predictions_"):
        segment(scenes, bank, models=MODELS, points_per_side=16)


def other_field(scenes: fo.Dataset) -> None:
    scenes.add_sample_field("kind", fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"label_field": "kind"}, InputError, "'kind' .* holds Classification.*new field"),
        ({"label_field": "filepath"}, InputError, "'filepath' cannot name a field: FiftyOne keeps"),
        ({"label_field": "a.b"}, InputError, "'a.b' cannot name a field"),
        ({"bank": "boats"}, InputError, "no memory bank 'boats'. Pass one of: 'colours'"),
        ({"models": colour_models(encoder="other:2")}, ModelError, "colour-encoder:1.*other:2"),
        ({"models": None}, ModelError, "does not say where its models come from.*`models`"),
        ({"models": "papr"}, ModelError, "papr"),
        ({"mode": "turbo"}, InputError, "mode 'turbo' is unknown"),
        ({"points_per_side": 0}, InputError, "points_per_side is 0"),
        ({"chunk_size": 0}, InputError, "chunk_size is 0"),
    ],
)
def test_errors(scenes, bank, change, error, message):
    other_field(scenes)
    options = {"samples": scenes, "bank": bank, "models": MODELS} | change
    with pytest.raises(error, match=message):
        segment(**options)
    assert "predictions" not in scenes.get_field_schema()


def test_no_samples(bank, unchecked):
    with pytest.raises(InputError, match=r"needs a FiftyOne dataset or view.*got str"):
        segment("my dataset", bank, models=MODELS)


def test_errors_of_media(scenes, bank):
    video = fo.Dataset()
    video.add_sample(fo.Sample(filepath="/nowhere/clip.mp4"))
    groups = fo.Dataset()
    group = fo.Group()
    groups.add_group_field("group", default="left")
    groups.add_sample(fo.Sample(filepath="/nowhere/a.png", group=group.element("left")))
    cases = [
        (video, "holds video"),
        (groups, "holds groups.*select_group_slices"),
        (scenes.to_patches("ground_truth"), "patches"),
    ]
    for samples, message in cases:
        with pytest.raises(InputError, match=message):
            segment(samples, bank, models=MODELS)
    video.delete()
    groups.delete()


def test_with_networks(dataset):
    """The smallest real pair of networks, reloaded from what the bank remembers of them."""
    for name in ("scene_a", "scene_b"):
        dataset.add_sample(fo.Sample(filepath=str(GOLDEN / "images" / f"{name}.png")))
    first = dataset.first()
    first["boxes"] = fo.Detections(
        detections=[
            fo.Detection(label="left", bounding_box=[0.1, 0.2, 0.3, 0.4]),
            fo.Detection(label="right", bounding_box=[0.5, 0.4, 0.3, 0.4]),
        ]
    )
    first.save()
    models = load_models(
        encoder=str(GOLDEN / "dinov2_tiny.pth"), segmenter=str(GOLDEN / "sam2_tiny.pt")
    )
    bank = build_memory_bank(dataset, "boxes", models=models)
    save_memory_bank(dataset, bank, "tiny")
    report = segment(dataset, "tiny", points_per_side=8)
    assert report.failures == {} and report.detections > 0
    assert load_memory_bank(dataset, "tiny").encoder == models.encoder.identity
    assert set(dataset.values("predictions.detections.label", unwind=True)) <= {"left", "right"}
