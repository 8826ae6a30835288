"""The few-shot protocol's choice of references."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt import build_memory_bank, sample_references
from fiftyone_ntt.dataset.labels import writing
from fiftyone_ntt.errors import InputError
from tests.core.toy_models import toy_models

WIDTH, HEIGHT = 400, 300


def box(x: float, y: float, w: float, h: float, label: str = "a", **more: object) -> fo.Detection:
    relative = [x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT]
    return fo.Detection(label=label, bounding_box=relative, **more)


def fill(dataset: fo.Dataset, detections: list[list[fo.Detection]], folder: str = "/data") -> None:
    metadata = fo.ImageMetadata(width=WIDTH, height=HEIGHT)
    dataset.add_samples(
        [
            fo.Sample(
                filepath=f"{folder}/{i}.png",
                metadata=metadata.copy(),
                ground_truth=fo.Detections(detections=found),
            )
            for i, found in enumerate(detections)
        ],
        progress=False,
    )


def many(seed: int = 0) -> list[list[fo.Detection]]:
    rng = np.random.default_rng(seed)
    return [
        [
            box(*map(float, rng.integers((10, 10, 32, 32), (200, 150, 150, 120))), label=label)
            for label in rng.choice(["a", "b", "c"], 4)
        ]
        for _ in range(12)
    ]


@pytest.mark.parametrize(
    ("detection", "qualifies"),
    [
        (box(10, 10, 32, 32), True),
        (box(9, 10, 32, 32), False),
        (box(10, 9, 32, 32), False),
        (box(WIDTH - 42, HEIGHT - 42, 32, 32), True),
        (box(WIDTH - 41, 50, 32, 32), False),
        (box(50, HEIGHT - 41, 32, 32), False),
        (box(50, 50, 31, 60), False),
        (box(50, 50, 60, 31), False),
        (box(50, 50, 60, 60, iscrowd=1), False),
        (box(50, 50, 60, 60, iscrowd=0), True),
    ],
)
def test_which_labels_qualify(dataset, detection, qualifies):
    fill(dataset, [[box(100, 100, 50, 50, label="other"), detection]])
    found = sample_references(dataset, "ground_truth", shots=5)
    assert found.counts == {"a": int(qualifies), "other": 1}


def test_tags_labels_and_samples_one_per_image(dataset):
    fill(dataset, many())
    found = sample_references(dataset, "ground_truth", shots=3, tag="ref")
    assert found.counts == {"a": 3, "b": 3, "c": 3} and found.short == {}
    tagged = dataset.select_labels(tags="ref")
    rows = list(zip(*tagged.values(["id", "ground_truth.detections.label"]), strict=True))
    for name in "abc":
        assert sum(labels.count(name) for _, labels in rows) == 3
        assert all(labels.count(name) <= 1 for _, labels in rows)
    assert set(dataset.match_tags("ref").values("id")) == {sample_id for sample_id, _ in rows}
    chosen = {i for ids in found.label_ids.values() for i in ids}
    assert set(tagged.values("ground_truth.detections.id", unwind=True)) == chosen


def picture(dataset: fo.Dataset, tag: str) -> set:
    rows = dataset.select_labels(tags=tag).values(
        ["filepath", "ground_truth.detections.bounding_box"]
    )
    return {
        (Path(path).name, *map(tuple, boxes)) for path, boxes in zip(*rows, strict=True) if boxes
    }


def test_the_same_choice_on_another_machine(dataset):
    """Other ids, another folder, another order of samples; another seed chooses others."""
    fill(dataset, many())
    sample_references(dataset, "ground_truth", shots=3)
    other = fo.Dataset()
    fill(other, many(), folder="/elsewhere/images")
    shuffled = other.shuffle(seed=5)
    sample_references(shuffled, "ground_truth", shots=3)
    assert picture(other, "reference") == picture(dataset, "reference")
    sample_references(other, "ground_truth", shots=3, seed=34, tag="second")
    assert picture(other, "second") != picture(dataset, "reference")
    other.delete()


def test_a_class_is_chosen_alike_with_and_without_others(dataset):
    fill(dataset, many())
    alone = sample_references(dataset, "ground_truth", shots=3, classes=["b"], tag="alone")
    together = sample_references(dataset, "ground_truth", shots=3)
    assert alone.label_ids["b"] == together.label_ids["b"]


def test_more_shots_extend_the_choice(dataset):
    fill(dataset, many())
    few = sample_references(dataset, "ground_truth", shots=1)
    more = sample_references(dataset, "ground_truth", shots=3)
    assert all(set(few.label_ids[name]) < set(more.label_ids[name]) for name in "abc")


def test_repeating_and_replacing(dataset):
    fill(dataset, many())
    first = sample_references(dataset, "ground_truth", shots=2)
    assert sample_references(dataset, "ground_truth", shots=2) == first
    with pytest.raises(InputError, match=r"already tagged 'reference'.*overwrite=True"):
        sample_references(dataset, "ground_truth", shots=2, seed=1)
    second = sample_references(dataset, "ground_truth", shots=2, seed=1, overwrite=True)
    tagged = dataset.select_labels(tags="reference")
    assert tagged.count("ground_truth.detections") == sum(second.counts.values()) == 6


@pytest.mark.parametrize("step", range(6))
def test_the_old_choice_stays_until_the_new_one_is_tagged(dataset, monkeypatch, step):
    """Stopped before any of the writes: there is the old choice or the new one."""
    fill(dataset, many())
    old = set(sample_references(dataset, "ground_truth", shots=2).ids)
    again = {"shots": 2, "seed": 1, "overwrite": True}
    send, left = writing._send_all, [step]

    def interrupted(*arguments):
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        send(*arguments)

    def tagged():
        labels = dataset.select_labels(tags="reference")
        return set(labels.values("ground_truth.detections.id", unwind=True))

    with monkeypatch.context() as patch:
        patch.setattr(writing, "_CHUNK", 1)
        patch.setattr(writing, "_send_all", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sample_references(dataset, "ground_truth", **again)
    there = tagged()
    new = set(sample_references(dataset, "ground_truth", **again).ids)
    assert there >= old or there >= new
    assert tagged() == new != old


def test_too_few_are_told(dataset):
    fill(dataset, [[box(50, 50, 60, 60)], [box(50, 50, 60, 60, label="b"), box(0, 0, 5, 5, "c")]])
    found = sample_references(dataset, "ground_truth", shots=2)
    assert found.short == {"a": 1, "b": 1, "c": 0}
    expected = "2 references of 3 classes tagged 'reference'; fewer than 2: a 1, b 1, c 0"
    assert str(found) == expected


def test_too_few_are_repeated_and_the_bank_counts_them(dataset, tmp_path):
    boxes = {"a": (50, 50, 60, 60), "b": (60, 50, 70, 60), "c": (0, 0, 30, 20)}
    for index, (label, corners) in enumerate([*boxes.items(), ("a", (100, 50, 60, 60))]):
        noise = np.random.default_rng(index).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{index}.png")
        labels = fo.Detections(detections=[box(*corners, label)])
        dataset.add_sample(fo.Sample(filepath=str(tmp_path / f"{index}.png"), ground_truth=labels))
    found = sample_references(dataset, "ground_truth", shots=3, too_few="repeat")
    assert found.counts == {"a": 3, "b": 3, "c": 3} and found.short == {}
    assert found.repeated == {"a": 2, "b": 1, "c": 1}
    assert str(found).endswith("tagged 'reference'; repeated: a 2, b 1, c 1")
    assert dataset.count_label_tags() == {"reference": 4}

    bank = build_memory_bank(dataset, "ground_truth", label_ids=found.ids, models=toy_models())
    assert bank.class_counts() == {"a": 3, "b": 3, "c": 3}
    once = build_memory_bank(dataset, "ground_truth", label_tags="reference", models=toy_models())
    assert once.class_counts() == {"a": 2, "b": 1, "c": 1}
    np.testing.assert_allclose(bank.prototypes[1:], once.prototypes[1:], atol=1e-6)
    assert np.abs(bank.prototypes[0] - once.prototypes[0]).max() > 1e-5


def test_sizes_come_from_the_files_where_there_are_no_metadata(dataset, tmp_path):
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png")
    labels = fo.Detections(detections=[box(50, 50, 60, 60)])
    dataset.add_sample(fo.Sample(filepath=str(tmp_path / "a.png"), ground_truth=labels))
    assert sample_references(dataset, "ground_truth", shots=1).counts == {"a": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shots": 0}, "shots is 0"),
        ({"classes": ["z"]}, "shows: z. Classes there: a"),
        ({"min_size": 1000}, "no label .* qualifies.*1000 px"),
        ({"label_field": "boxes"}, "no field 'boxes'"),
    ],
)
def test_errors(dataset, options, message):
    fill(dataset, [[box(50, 50, 60, 60)]])
    arguments = {"samples": dataset, "label_field": "ground_truth", "shots": 1} | options
    with pytest.raises(InputError, match=message):
        sample_references(**arguments)
    assert dataset.count_label_tags() == {}
