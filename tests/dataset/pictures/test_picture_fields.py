"""The memory visualisation as fields of the samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.dataset.pictures.picture_fields import METHOD
from fiftyone_ntt.dataset.runs.run_record import COMPLETED, FAILED
from fiftyone_ntt.errors import InputError, ModelError
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

FIELDS = ("memory_pca", "memory_clusters")


@pytest.fixture
def bank(dataset: fo.Dataset, tmp_path: Path) -> MemoryBank:
    """Of three of four scenes, each with a blue, a green and a red object."""
    add_scenes(dataset, tmp_path, 4)
    return build(dataset)


def build(dataset: fo.Dataset, **options: Any) -> MemoryBank:
    return ntt.build_memory_bank(
        dataset[:3], "ground_truth", models=colour_models(), name="colours", **options
    )


def smaller_bank(dataset: fo.Dataset, classes: tuple[str, ...] = ("red",)) -> MemoryBank:
    """Of the second and third scene."""
    ids = [d.id for sample in dataset[1:3] for d in sample.ground_truth.detections]
    return build(dataset, classes=classes, label_ids=ids, overwrite=True)


def draw(dataset: fo.Dataset, bank: MemoryBank, **options: Any) -> Any:
    return ntt.draw_memory_bank(dataset, bank, models=colour_models(), **options)


def pixels(sample: fo.Sample) -> list[np.ndarray]:
    return [sample.memory_pca.map, sample.memory_clusters.mask]


def masks(sample: fo.Sample) -> dict[str, np.ndarray]:
    """Class to mask, at image size."""
    height, width = 96, 128
    found = {}
    for label in sample.ground_truth.detections:
        mask = np.zeros((height, width), bool)
        x, y, _, _ = label.bounding_box
        top, left = round(y * height), round(x * width)
        mask[top : top + label.mask.shape[0], left : left + label.mask.shape[1]] = label.mask
        found[label.label] = mask
    return found


def record(dataset: fo.Dataset) -> Any:
    (key,) = dataset.list_runs(method=METHOD)
    return dataset.get_run_info(key).config


def test_every_reference_is_drawn_inside_its_mask(dataset: Any, bank: Any) -> None:
    report = draw(dataset, bank)
    assert (report.references, report.drawn, report.skipped, report.failures) == (9, 9, 0, {})
    assert str(report).startswith("memory: 9 of 9 references drawn; ")
    for sample in dataset[:3]:
        pca, clusters = pixels(sample)
        assert pca.shape == clusters.shape == (96, 128)
        assert pca.dtype == clusters.dtype == np.uint8
        inside = np.zeros((96, 128), bool)
        for name, mask in masks(sample).items():
            drawn = clusters[mask]
            first = 4 * bank.classes.index(name)
            assert set(drawn[drawn > 0].tolist()) <= set(range(first + 1, first + 5))
            # All but the patches at two edges, which resizing by nearest neighbour leaves out.
            assert (drawn > 0).mean() > 0.75
            inside |= mask
        assert not pca[~inside].any() and not clusters[~inside].any()
        assert set(sample.memory_clusters.references) == {
            label.id for label in sample.ground_truth.detections
        }
    assert len(dataset.exists("memory_pca")) == 3
    assert dataset.mask_targets["memory_clusters"][1] == "blue 1"
    assert dataset.mask_targets["memory_clusters"][12] == "red 4"
    found = record(dataset)
    assert (found.status, found.done, found.bank) == (COMPLETED, 9, "colours")


def test_it_is_what_the_app_reads(dataset: Any, bank: Any) -> None:
    draw(dataset, bank)
    assert dataset.first().memory_pca.range == [0, 255]
    schema = dataset.get_field_schema(flat=True)
    for name in FIELDS:
        assert isinstance(schema[f"{name}.run"], fo.StringField)


class Counting:
    """Models that count the references encoded, and may stop."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.models, self.encoded, self.stop_at = colour_models(), 0, stop_at
        encode = self.models.encoder.encode

        def counting(images: Any) -> Any:
            self.encoded += len(images)
            if self.encoded == self.stop_at:
                raise KeyboardInterrupt
            return encode(images)

        self.models.encoder.encode = counting  # type: ignore[method-assign]


def test_again_nothing_is_done(dataset: Any, bank: Any) -> None:
    draw(dataset, bank)
    before = [pixels(sample) for sample in dataset[:3]]
    counting = Counting()
    report = ntt.draw_memory_bank(dataset, "colours", models=counting.models)
    assert (report.drawn, report.skipped, counting.encoded) == (0, 9, 0)
    for sample, drawn in zip(dataset[:3], before, strict=True):
        for one, other in zip(pixels(sample), drawn, strict=True):
            np.testing.assert_array_equal(one, other)


def test_an_interrupted_run_goes_on_with_its_class(dataset: Any, bank: Any) -> None:
    expected = draw(dataset, bank) and [pixels(sample) for sample in dataset[:3]]
    for name in FIELDS:
        dataset.delete_sample_field(name)
    with pytest.raises(KeyboardInterrupt):
        ntt.draw_memory_bank(dataset, bank, models=Counting(stop_at=5).models)
    assert record(dataset).status == FAILED and record(dataset).done == 3
    counting = Counting()
    report = ntt.draw_memory_bank(dataset, bank, models=counting.models)
    assert (report.drawn, report.skipped, counting.encoded) == (6, 3, 6)
    for sample, drawn in zip(dataset[:3], expected, strict=True):
        for one, other in zip(pixels(sample), drawn, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_listener_can_stop_it(dataset: Any, bank: Any) -> None:
    class Stopped(ntt.NttError):
        pass

    def step(done: int, total: int) -> None:
        assert total == 9
        if done == 4:
            raise Stopped("closed")

    with pytest.raises(Stopped):
        draw(dataset, bank, progress=step)
    assert record(dataset).reason == "closed"


def test_references_that_fail_are_reported(dataset: Any, bank: Any) -> None:
    lost, second = dataset.first(), dataset[1:2].first()
    Path(lost.filepath).unlink()
    label = second.ground_truth.detections[0]
    dataset.delete_labels(ids=[label.id])
    report = draw(dataset, bank)
    assert report.drawn == 5
    assert set(report.failures) == {label.id, *(d.id for d in lost.ground_truth.detections)}
    assert "not on dataset" in report.failures[label.id]
    assert "cannot be" in report.failures[lost.ground_truth.detections[0].id]
    assert "4 failed" in str(report)
    assert record(dataset).failed == 4
    # Once the file is back, the classes it belongs to are drawn whole.
    Path(lost.filepath).write_bytes(Path(second.filepath).read_bytes())
    assert draw(dataset, bank).drawn == 8


def test_another_bank_asks_before_it_replaces(dataset: Any, bank: Any) -> None:
    draw(dataset, bank)
    first = dataset.first()
    other = smaller_bank(dataset)
    with pytest.raises(InputError, match=r"pictures of another bank.*overwrite=True"):
        draw(dataset, other)
    assert pixels(dataset.first())[0].tolist() == pixels(first)[0].tolist()
    assert draw(dataset, other, overwrite=True).drawn == 2
    assert dataset.exists("memory_clusters").values("id") == dataset[1:3].values("id")
    assert dataset.mask_targets["memory_clusters"] == {i: f"red {i}" for i in range(1, 5)}
    assert draw(dataset, bank, field="both").drawn == 9


def test_what_no_run_drew_stays_whatever_the_options(dataset: Any, bank: Any) -> None:
    sample = dataset.last()
    sample["memory_clusters"] = fo.Segmentation(mask=np.full((4, 4), 3, np.uint8))
    sample.save()
    with pytest.raises(InputError, match="no run of this package drew"):
        draw(dataset, bank, overwrite=True)
    assert dataset.last().memory_clusters.mask.tolist() == [[3] * 4] * 4


def test_what_somebody_draws_meanwhile_stays(dataset: Any, bank: Any) -> None:
    draw(dataset, bank)
    painted = []

    def paint(done: int, total: int) -> None:
        if not painted:
            painted.append(done)
            for sample in (dataset[1:2].first(), dataset[:1].first()):
                sample["memory_clusters"] = fo.Segmentation(mask=np.full((4, 4), 3, np.uint8))
                sample.save()

    draw(dataset, smaller_bank(dataset, ("blue", "red")), overwrite=True, progress=paint)
    for sample in dataset[:2]:
        assert sample.memory_clusters.mask.tolist() == [[3] * 4] * 4


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4])
def test_pictures_give_way_only_to_new_ones(dataset: Any, bank: Any, stop_at: int) -> None:
    other = smaller_bank(dataset, ("blue", "red"))
    draw(dataset, other)
    expected = [pixels(sample) for sample in dataset[1:3]]
    for name in FIELDS:
        dataset.delete_sample_field(name)
    draw(dataset, bank)
    before = [pixels(sample) for sample in dataset[:3]]

    with pytest.raises(KeyboardInterrupt):
        models = Counting(stop_at).models
        ntt.draw_memory_bank(dataset, other, models=models, overwrite=True)
    # Nothing is gone: of each sample there is the old picture, or some of the new one.
    assert len(dataset.exists("memory_pca").exists("memory_clusters")) == 3
    if stop_at <= 2:  # not one class is done
        for sample, drawn in zip(dataset[:3], before, strict=True):
            np.testing.assert_array_equal(pixels(sample), drawn)

    assert draw(dataset, other, overwrite=True).skipped == (0 if stop_at <= 2 else 2)
    assert dataset.exists("memory_pca").values("id") == dataset[1:3].values("id")
    assert dataset.exists("memory_clusters").values("id") == dataset[1:3].values("id")
    for sample, drawn in zip(dataset[1:3], expected, strict=True):
        np.testing.assert_array_equal(pixels(sample), drawn)


def test_pictures_stay_where_none_takes_their_place(dataset: Any, bank: Any) -> None:
    draw(dataset, bank)
    before = [pixels(sample) for sample in dataset[:3]]
    other = smaller_bank(dataset)
    for sample in dataset:
        Path(sample.filepath).unlink()
    report = draw(dataset, other, overwrite=True)
    assert (report.drawn, len(report.failures)) == (0, 2)
    for sample, drawn in zip(dataset[:3], before, strict=True):
        np.testing.assert_array_equal(pixels(sample), drawn)


@pytest.mark.parametrize(
    ("field", "message"),
    [("a b", "cannot name a field"), ("ground", "holds Detections.*Pass another `field`")],
)
def test_fields_that_do_not_fit(dataset: Any, bank: Any, field: str, message: str) -> None:
    dataset.clone_sample_field("ground_truth", "ground_clusters")
    with pytest.raises(InputError, match=message):
        draw(dataset, bank, field=field)
    assert ntt.picture_fields_problem(dataset, field)
    assert ntt.picture_fields_problem(dataset, "memory") is None
    assert dataset.list_runs(method=METHOD) == []


def test_a_bank_of_another_dataset(dataset: Any, bank: Any) -> None:
    dataset.delete_labels(ids=list(bank.references.ids))
    with pytest.raises(InputError, match="nothing to draw"):
        draw(dataset, bank)
    assert dataset.get_field("memory_pca") is None


def test_another_encoder(dataset: Any, bank: Any) -> None:
    with pytest.raises(ModelError, match="made with the encoder"):
        ntt.draw_memory_bank(dataset, bank, models=colour_models(encoder="other:1"))


def test_many_classes_need_larger_numbers(dataset: Any, tmp_path: Path) -> None:
    add_scenes(dataset, tmp_path, 1)
    sample = dataset.first()
    original = sample.ground_truth.detections[0]
    copies = []
    for index in range(70):
        copy = original.copy()
        copy.label = f"class {index:02d}"
        copies.append(copy)
    sample["many"] = fo.Detections(detections=copies)
    sample.save()
    bank = ntt.build_memory_bank(dataset, "many", models=colour_models())
    assert ntt.draw_memory_bank(dataset, bank, models=colour_models()).drawn == 70
    clusters = dataset.first().memory_clusters.mask
    assert clusters.dtype == np.uint16 and 277 <= clusters.max() <= 280
