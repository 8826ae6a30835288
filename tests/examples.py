"""What the examples in the package's docstrings find prepared: a pytest plugin.

An example may use these names. `ntt`, `fo` and `np` are the packages. `dataset` has four generated
scenes tagged `candidate`, with the references of its memory bank "shapes", and three tagged
`target`, with what that bank finds on them in `predictions`; all have `ground_truth`, and the same
boxes without masks in `boxes`. `bank` is that bank, `view` the targets, and `photos` the folder of
the pictures. `coco` is a folder like COCO's, with scenes for the photos of the benchmark "toy".

Each example runs in a folder of its own, on a copy of the dataset and of the stored proposals, so
none sees what another wrote. Only what it names is prepared: one about arrays needs no database.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

MODULES = {"fo": "fiftyone", "ntt": "fiftyone_ntt", "np": "numpy"}
PREPARED = ("bank", "coco", "dataset", "photos", "view")
"""Names that the fixture `example_<name>` provides."""

STORE = "proposals"
KINDS = ("striped fish", "spotted mushroom", "checkered kite")
REMEMBERED = ("fish", "mushroom")
"""Classes of the bank. Kites are labelled too, for the bank to take them for what it knows."""
CANDIDATE_SEEDS = (2, 3, 13, 24)
"""Of scenes with a fish and a mushroom each that can be references."""
TARGET_SEEDS = (0, 22, 27)
"""Of scenes with objects of all three kinds."""


@pytest.fixture(autouse=True)
def example_surroundings(request: pytest.FixtureRequest) -> Iterator[None]:
    """Gives an example its folder and its names; other tests nothing."""
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    folder = request.getfixturevalue("tmp_path")
    patch = request.getfixturevalue("monkeypatch")
    patch.chdir(folder)
    patch.setenv("FIFTYONE_NTT_PROPOSALS", str(folder / STORE))
    test = request.node.dtest
    words = {word for line in test.examples for word in re.findall(r"\w+", line.source)}
    for name in words & MODULES.keys():
        test.globs[name] = import_module(MODULES[name])
    for name in words.intersection(PREPARED):
        test.globs[name] = request.getfixturevalue(f"example_{name}")
    before = _datasets()
    yield
    for name in _datasets() - before:
        import_module("fiftyone").delete_dataset(name)


def _datasets() -> set[str]:
    """Names of all datasets; none, and no database started, where nothing imported FiftyOne."""
    return set(sys.modules["fiftyone"].list_datasets()) if "fiftyone" in sys.modules else set()


@dataclass(frozen=True)
class Prepared:
    """What all examples' copies are made of.

    Attributes:
        dataset: with the bank and its predictions.
        photos: folder of its pictures.
        store: folder of the proposals that the predictions were made of.
    """

    dataset: Any
    photos: Path
    store: Path


@pytest.fixture(scope="session")
def prepared_for_examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    import fiftyone as fo

    import fiftyone_ntt as ntt

    folder = tmp_path_factory.mktemp("examples")
    dataset = fo.Dataset("prepared for examples")
    dataset.add_samples(_samples(folder / "photos"), progress=False)
    dataset.compute_metadata(progress=False)
    candidates, targets = dataset.match_tags("candidate"), dataset.match_tags("target")
    ntt.sample_references(candidates, "ground_truth", shots=2, classes=REMEMBERED)
    ntt.build_memory_bank(
        candidates, "ground_truth", label_tags="reference", name="shapes", models="demo"
    )
    ntt.segment(targets, "shapes", store=folder / STORE)
    yield Prepared(dataset, folder / "photos", folder / STORE)
    dataset.delete()


def _samples(folder: Path) -> Iterator[Any]:
    """The scenes, their pictures written to a folder; a label's class is its shape alone."""
    import fiftyone as fo
    from PIL import Image

    from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
    from fiftyone_ntt.demo.scenes import generate_scene

    kinds = [replace(kind, name=kind.shape) for kind in NOVEL_CLASSES if kind.name in KINDS]
    folder.mkdir()
    for seed in (*CANDIDATE_SEEDS, *TARGET_SEEDS):
        scene = generate_scene(kinds, seed, objects=(3, 4))
        path = folder / f"scene_{seed:02d}.png"
        Image.fromarray(scene.image).save(path)
        labels = [
            fo.Detection.from_mask(mask, label=label)
            for mask, label in zip(scene.masks, scene.labels, strict=True)
        ]
        boxes = [fo.Detection(label=box.label, bounding_box=box.bounding_box) for box in labels]
        yield fo.Sample(
            filepath=str(path),
            tags=["candidate" if seed in CANDIDATE_SEEDS else "target"],
            ground_truth=fo.Detections(detections=labels),
            boxes=fo.Detections(detections=boxes),
        )


@pytest.fixture
def example_dataset(prepared_for_examples: Prepared, tmp_path: Path) -> Iterator[Any]:
    shutil.copytree(prepared_for_examples.store, tmp_path / STORE)
    dataset = prepared_for_examples.dataset.clone("scenes")
    yield dataset
    dataset.delete()


@pytest.fixture
def example_view(example_dataset: Any) -> Any:
    return example_dataset.match_tags("target")


@pytest.fixture
def example_bank(example_dataset: Any) -> Any:
    return import_module("fiftyone_ntt").load_memory_bank(example_dataset, "shapes")


@pytest.fixture
def example_photos(prepared_for_examples: Prepared) -> str:
    return str(prepared_for_examples.photos)


@pytest.fixture(scope="session")
def example_coco(tmp_path_factory: pytest.TempPathFactory) -> str:
    from tests.protocols import miniature

    return str(miniature.toy(tmp_path_factory.mktemp("coco")))
