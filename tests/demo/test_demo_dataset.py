"""A demo dataset gives way to the next demo only if nobody worked on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fiftyone as fo
import pytest

from fiftyone_ntt.demo import demo_dataset
from fiftyone_ntt.demo.demo_dataset import make_demo_dataset, mark_demo_end

NAME = "test-demo"


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(demo_dataset, "CANDIDATES", 1)
    monkeypatch.setattr(demo_dataset, "TARGETS", 1)
    yield
    for name in fo.list_datasets(f"{NAME}*"):
        fo.delete_dataset(name)


def test_an_untouched_demo_is_replaced(tmp_path: Path) -> None:
    first = make_demo_dataset(tmp_path, NAME)
    mark_demo_end(first)
    second = make_demo_dataset(tmp_path, NAME)
    assert second.name == NAME and first.deleted
    assert fo.list_datasets(f"{NAME}*") == [NAME]


def test_a_demo_that_somebody_labelled_stays(tmp_path: Path) -> None:
    first = make_demo_dataset(tmp_path, NAME)
    mark_demo_end(first)
    sample = first.first()
    sample.ground_truth.detections[0].tags.append("checked")
    sample.save()
    second = make_demo_dataset(tmp_path, NAME)
    assert second.name == f"{NAME}-2"
    first.reload()
    assert first.first().ground_truth.detections[0].tags == ["checked"]
    assert make_demo_dataset(tmp_path, NAME).name == f"{NAME}-3"  # the second did not end


def test_a_dataset_of_somebodys_own_stays(tmp_path: Path) -> None:
    fo.Dataset(NAME).add_sample(fo.Sample(filepath=str(tmp_path / "mine.png")))
    assert make_demo_dataset(tmp_path, NAME).name == f"{NAME}-2"
    assert fo.load_dataset(NAME).first().filename == "mine.png"
