"""Planted errors: what shapes, types and shared axes in core's annotations keep out."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError
from torch import Tensor

from fiftyone_ntt import core
from fiftyone_ntt.core import statistics
from fiftyone_ntt.core.bank import PatchStatistics, ReferenceSet
from fiftyone_ntt.core.geometry import nms, resize_bicubic, squash
from fiftyone_ntt.core.merging import merged_scores
from fiftyone_ntt.core.overlaps import Overlaps
from fiftyone_ntt.core.pipeline import Matcher
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.proposals import Proposals, ProposalSetup, pool_features
from fiftyone_ntt.core.rle import decode_crops, encode_masks
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.core.statistics import principal_components
from fiftyone_ntt.core.surroundings import surroundings
from fiftyone_ntt.core.windows import Reference
from tests import shapes
from tests.core.toy_models import ToyEncoder, ToySegmenter, reference_rows, scene, toy_bank

pytestmark = pytest.mark.skipif(
    bool(os.environ.get(shapes.OFF)), reason=f"nothing is checked under {shapes.OFF}"
)

MASKS = np.zeros((3, 6, 9), bool)
MASKS[:, 1:4, 2:8] = True


def floats(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def integers(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.int64)


OVERLAPS = {"areas": integers(3) + 1, "pairs": integers(2, 2), "pixels": integers(2)}
REFERENCES = {
    "ids": ("a", "b"),
    "classes": integers(2),
    "prototypes": floats(2, 5),
    "weights": floats(2),
    "patch_means": floats(2, 5),
    "patch_counts": integers(2),
}
STATISTICS = {
    "pca_mean": floats(2, 5),
    "pca_components": floats(2, 3, 5),
    "centres": floats(2, 4, 5),
}
PROPOSALS = {
    "image_size": (6, 9),
    "prompts": integers(3),
    "ious": floats(3),
    "boxes": integers(3, 4),
    "features": floats(3, 5),
    "masks": encode_masks(MASKS),
    "crops": np.zeros(3, np.int16),
    "stability": floats(3),
}
MERGED = {
    "overlaps": Overlaps(**OVERLAPS),
    "labels": integers(3),
    "features": floats(3, 5),
    "scores": floats(3),
}
CROPS = {"rles": encode_masks(MASKS), "boxes": np.array([[2, 1, 7, 3]] * 3)}
RANKED = {
    "boxes": np.zeros((3, 4)),
    "ranks": np.zeros(3),
    "classes": integers(3),
    "threshold": 0.5,
}
POOLED = {"tokens": torch.zeros(16, 5), "inside": torch.ones(3, 8, 8, dtype=torch.bool)}
REFERENCE = {
    "id": "a",
    "image": np.zeros((6, 9, 3), np.uint8),
    "box": (2, 1, 6, 3),
    "mask": MASKS[0],
}


@pytest.mark.parametrize(
    "call, right, name, wrong",
    [
        (ReferenceSet, REFERENCES, "weights", floats(3)),
        (ReferenceSet, REFERENCES, "patch_means", floats(2, 4)),
        (ReferenceSet, REFERENCES, "prototypes", np.zeros((2, 5))),
        (PatchStatistics, STATISTICS, "centres", floats(3, 4, 5)),
        (PatchStatistics, STATISTICS, "pca_components", floats(2, 5, 3)),
        (Proposals, PROPOSALS, "features", floats(4, 5)),
        (Proposals, PROPOSALS, "boxes", integers(4, 3)),
        (Proposals, PROPOSALS, "prompts", np.zeros(3, np.int32)),
        (Proposals, PROPOSALS, "crops", np.zeros(4, np.int16)),
        (Proposals, PROPOSALS, "stability", floats(4)),
        (Overlaps, OVERLAPS, "pixels", integers(3)),
        (Reference, REFERENCE, "mask", MASKS[0].T),
        (Reference, REFERENCE, "mask", MASKS[0].astype(np.uint8)),
        (merged_scores, MERGED, "scores", floats(4)),
        (decode_crops, CROPS, "boxes", np.array([[2, 1, 7, 3]] * 3).T),
        (nms, RANKED, "ranks", floats(3)),
        (nms, RANKED, "classes", integers(3, 1)),
        (pool_features, POOLED, "inside", torch.ones(8, 8, 3, dtype=torch.bool)),
        (pool_features, POOLED, "tokens", torch.zeros(16, 5, dtype=torch.float64)),
        (squash, {"image": REFERENCE["image"], "side": 4}, "image", floats(6, 9, 3)),
        (resize_bicubic, {"image": torch.zeros(3, 6, 9), "side": 4}, "image", torch.zeros(6, 9, 3)),
        (surroundings, {"mask": MASKS[0], "others": MASKS[1]}, "others", MASKS[1].T),
    ],
)
def test_a_wrong_argument_is_caught(
    call: Callable[..., Any], right: dict[str, Any], name: str, wrong: Any
) -> None:
    call(**right)
    with pytest.raises(TypeCheckError, match=f"parameter '{name}'"):
        call(**{**right, name: wrong})


def test_a_wrong_result_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert principal_components(floats(6, 5))[1].shape == (3, 5)
    monkeypatch.setattr(statistics, "PCA_COMPONENTS", 2)
    with pytest.raises(TypeCheckError, match="the return value"):
        principal_components(floats(6, 5))


def test_an_encoder_of_another_precision_is_caught() -> None:
    class Double(ToyEncoder):
        def encode(self, images: Tensor) -> Tensor:
            return super().encode(images).double()

    assert len(propose(scene(0), ToySegmenter(), ToyEncoder()))
    with pytest.raises(TypeCheckError, match="parameter 'tokens'"):
        propose(scene(0), ToySegmenter(), Double())


def test_what_is_no_array_is_caught_too() -> None:
    bank = toy_bank(("a",), reference_rows([[1.0, 0.0]], [0]))
    setup = ProposalSetup(bank.encoder, "segmenter", ProposalSettings())
    Matcher(bank, setup, "paper")
    with pytest.raises(TypeCheckError, match="parameter 'setup'"):
        Matcher(bank, ProposalSettings(), "paper")  # type: ignore[arg-type]


FITTING = """
import numpy as np
from fiftyone_ntt.core.plane import fit_plane
print(fit_plane(np.ones((3, 2), np.{})).axes.shape)
"""


@pytest.mark.parametrize(
    "kind, checked", [("float32", True), ("float64", True), ("float64", False)]
)
def test_a_python_process_that_a_test_starts_is_checked(kind: str, checked: bool) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FITTING.format(kind)],
        env=None if checked else shapes.plain_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if checked and kind == "float64":
        assert ended.returncode == 1 and not ended.stdout
        assert "jaxtyping.TypeCheckError" in ended.stderr and "parameter 'rows'" in ended.stderr
    else:
        assert (ended.stdout, ended.returncode) == ("(2, 2)\n", 0), ended.stderr


def annotated(module: Any) -> Iterator[Any]:
    """A module's own functions, classes, methods and properties."""
    own = [found for found in vars(module).values() if was_defined_in(module, found)]
    classes = [found for found in own if inspect.isclass(found)]
    members = [function_of(member) for kind in classes for member in vars(kind).values()]
    yield from classes
    yield from filter(inspect.isfunction, own + members)


def was_defined_in(module: Any, found: Any) -> bool:
    return getattr(found, "__module__", None) == module.__name__


def function_of(member: Any) -> Any:
    """What a class's static method or property calls; other members as they are."""
    for attribute in ("__func__", "fget", "func"):
        member = getattr(member, attribute, member)
    return member


@pytest.mark.parametrize("name", [found.name for found in pkgutil.iter_modules(core.__path__)])
def test_every_annotation_can_be_checked(name: str) -> None:
    """A name that cannot be resolved would pass for anything, and so does an array's bare type."""
    for item in annotated(importlib.import_module(f"fiftyone_ntt.core.{name}")):
        for part, hint in get_type_hints(item, include_extras=True).items():
            bare = "numpy.ndarray" in repr(hint) or "torch.Tensor" in repr(hint)
            assert not bare, f"{item.__qualname__}, {part}: {hint}"
