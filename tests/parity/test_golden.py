"""Parity with the published code, on the values recorded from it (tests/golden/README.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from torch import Tensor

from fiftyone_ntt.cli import main
from fiftyone_ntt.coco.labelling import build_bank_from_coco
from fiftyone_ntt.core.bank import MemoryBank
from fiftyone_ntt.core.class_scores import class_similarity
from fiftyone_ntt.core.geometry import resize_bicubic, squash
from fiftyone_ntt.core.images import read_image
from fiftyone_ntt.core.matching import Match, match
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.proposals import Proposals, prompt_grid
from fiftyone_ntt.core.rle import decode_mask
from fiftyone_ntt.core.settings import ProposalSettings
from fiftyone_ntt.core.windows import reference_window
from fiftyone_ntt.models.loading import Models, load_models

GOLDEN = Path(__file__).parents[1] / "golden"


@dataclass(frozen=True)
class Case:
    """A recorded run: its folder, checkpoint, and what differed from the defaults."""

    folder: str
    segmenter: str = "sam2_tiny.pt"
    points_per_side: int = 32
    negatives: str | None = None


CASES = [
    Case("tiny256"),
    Case("tiny256_p16", points_per_side=16),
    Case("tok256", segmenter="sam2_tiny_tok.pt"),
    Case("tiny256_neg", negatives="negs.json"),
]
SCENES = ["scene_a", "scene_b", "scene_c", "scene_d"]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder)
each_scene = pytest.mark.parametrize("scene", SCENES)


@cache
def models_of(segmenter: str) -> Models:
    return load_models(encoder=str(GOLDEN / "dinov2_tiny.pth"), segmenter=str(GOLDEN / segmenter))


@cache
def bank_of(case: Case) -> MemoryBank:
    negatives = GOLDEN / case.negatives if case.negatives else None
    models = models_of(case.segmenter)
    return build_bank_from_coco(GOLDEN / "images", GOLDEN / "refs.json", models, negatives)


@cache
def proposals_of(segmenter: str, points_per_side: int, scene: str) -> Proposals:
    models = models_of(segmenter)
    image = read_image(GOLDEN / "images" / f"{scene}.png", oriented=False)
    settings = ProposalSettings(points_per_side=points_per_side)
    return propose(image, models.segmenter, models.encoder, settings)


def proposals_for(case: Case, scene: str) -> Proposals:
    return proposals_of(case.segmenter, case.points_per_side, scene)


@cache
def logits_of(segmenter: str, points_per_side: int, scene: str) -> Tensor:
    network = models_of(segmenter).segmenter
    image = read_image(GOLDEN / "images" / f"{scene}.png", oriented=False)
    embedding = network.embed(squash(image, network.side)[None])[0]
    settings = ProposalSettings(points_per_side=points_per_side)
    return prompt_grid(embedding, network, settings)[2]


@cache
def match_of(case: Case, scene: str) -> Match:
    return match(proposals_for(case, scene), bank_of(case))


def recorded(case: Case, name: str) -> dict[str, NDArray[Any]]:
    with np.load(GOLDEN / case.folder / f"{name}.npz") as arrays:
        return dict(arrays)


def relative_error(found: NDArray[Any], expected: NDArray[Any]) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("file", ["refs", "negs"])
def test_windows(file: str) -> None:
    content = json.loads((GOLDEN / f"{file}.json").read_text())
    sizes = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    by_class = sorted(content["annotations"], key=lambda annotation: annotation["category_id"])
    found = [reference_window(tuple(a["bbox"]), sizes[a["image_id"]]) for a in by_class]
    case, key = {"refs": ("tiny256", "ref"), "negs": ("tiny256_neg", "negref")}[file]
    assert found == [
        tuple(window) for window in recorded(Case(case), "memory")[f"{key}_crop_xyxy"].tolist()
    ]


@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[3]], ids=lambda case: case.folder)
def test_memory(case: Case) -> None:
    bank, memory = bank_of(case), recorded(case, "memory")
    prototypes = memory["mem_feats_ins_avg"].reshape(9, -1)
    assert relative_error(bank.references.prototypes, prototypes) < 1e-4
    foreground = bank.references.foreground_means(3)
    assert relative_error(foreground, memory["mem_feats_avg"]) < 1e-4
    agreement = bank.leave_one_out.reshape(3, 3).mean(axis=1)
    np.testing.assert_allclose(agreement, memory["mem_ins_sim_avg"], atol=1e-5)
    np.testing.assert_allclose(bank.statistics.pca_mean, memory["mem_pca_mean"], atol=1e-4)
    cosines = np.abs(
        np.einsum("kpc,kpc->kp", bank.statistics.pca_components, memory["mem_pca_components"])
    )
    assert cosines.min() > 0.999  # the sign of a component is arbitrary


def test_negative_memory() -> None:
    bank, memory = bank_of(CASES[3]), recorded(CASES[3], "memory")
    negatives = memory["mem_feats_ins_avg_neg"].reshape(6, -1)
    assert relative_error(bank.negatives.prototypes, negatives) < 1e-4
    foreground = bank.negatives.foreground_means(3)
    assert relative_error(foreground, memory["mem_feats_avg_neg"]) < 1e-4


@each_scene
def test_patch_tokens(scene: str) -> None:
    models = models_of("sam2_tiny.pt")
    square = squash(
        read_image(GOLDEN / "images" / f"{scene}.png", oriented=False), models.segmenter.side
    )
    tokens = models.encoder.encode(resize_bicubic(square, models.encoder.side)[None])[0]
    expected = recorded(CASES[0], f"target_{scene}")["enc_feats"]
    assert relative_error(tokens.numpy(), expected) < 1e-4


@each_case
@each_scene
def test_proposals(case: Case, scene: str) -> None:
    proposals, expected = proposals_for(case, scene), recorded(case, f"target_{scene}")
    np.testing.assert_array_equal(proposals.prompts, expected["keep_iou"])
    np.testing.assert_allclose(
        proposals.ious, expected["best_iou"][expected["keep_iou"]], atol=5e-6
    )
    logits = logits_of(case.segmenter, case.points_per_side, scene)
    masks = np.unpackbits(expected["lr_masks_packed"], axis=1)[:, : logits[0].numel()].astype(bool)
    inside = (logits > 0).numpy().reshape(len(proposals), -1)
    union = (inside | masks).sum(axis=1)
    agreement = np.where(union, (inside & masks).sum(axis=1) / np.maximum(union, 1), 1)
    assert agreement.min() >= 0.99
    assert np.abs(proposals.boxes - expected["lr_boxes"]).max() <= 1
    filled = expected["lr_area"] > 0
    assert np.abs(proposals.features - expected["obj_feats"])[filled].max() < 1e-4


@each_case
@each_scene
def test_similarity(case: Case, scene: str) -> None:
    proposals, expected = proposals_for(case, scene), recorded(case, f"target_{scene}")
    filled = expected["lr_area"] > 0
    found = class_similarity(proposals.features, bank_of(case))[filled]
    np.testing.assert_allclose(found, expected["sim"][filled], atol=1e-4)
    np.testing.assert_array_equal(found.argmax(axis=1), expected["labels"][filled])


@each_case
@each_scene
def test_instances(case: Case, scene: str) -> None:
    found, expected = match_of(case, scene), recorded(case, f"target_{scene}")
    valid = np.isfinite(expected["final_scores"]) & (expected["final_scores"] > 0)
    height, width = expected["final_masks_shape"][1:]
    masks = np.unpackbits(expected["final_masks_packed"], axis=1)[:, : height * width]
    assert_same_instances(
        found.labels.tolist(),
        found.scores,
        [decode_mask(mask) for mask in found.masks],
        expected["final_labels"][valid].tolist(),
        expected["final_scores"][valid],
        list(masks.reshape(-1, height, width).astype(bool)[valid]),
    )
    order = np.argsort(-found.scores, kind="stable")
    np.testing.assert_array_equal(order, np.arange(len(found)))


def assert_same_instances(
    labels: list[Any],
    scores: NDArray[Any],
    masks: list[NDArray[np.bool_]],
    expected_labels: list[Any],
    expected_scores: NDArray[Any],
    expected_masks: list[NDArray[np.bool_]],
) -> None:
    """The same instances in the same order; only near-tied neighbours may swap."""
    assert len(labels) == len(expected_labels)
    unmatched = list(range(len(expected_labels)))
    for rank, (label, score, mask) in enumerate(zip(labels, scores, masks, strict=True)):
        partner = next(
            other
            for other in unmatched
            if expected_labels[other] == label
            and abs(expected_scores[other] - score) < 1e-3
            and (mask & expected_masks[other]).sum() >= 0.99 * (mask | expected_masks[other]).sum()
        )
        unmatched.remove(partner)
        assert partner == rank or abs(expected_scores[rank] - score) < 1e-4


@each_case
def test_results_of_the_command(case: Case, tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    command = ["segment", "--images", str(GOLDEN / "images")]
    command += ["--references", str(GOLDEN / "refs.json")]
    if case.negatives:
        command += ["--negatives", str(GOLDEN / case.negatives)]
    command += ["--targets", str(GOLDEN / "targets.json")]
    command += ["--encoder", str(GOLDEN / "dinov2_tiny.pth")]
    command += ["--segmenter", str(GOLDEN / case.segmenter)]
    command += ["--mode", "paper", "--points-per-side", str(case.points_per_side)]
    assert main([*command, "--device", "cpu", "--output", str(output)]) == 0
    found = json.loads(output.read_text())
    expected = json.loads((GOLDEN / case.folder / "results.json").read_text())
    assert [row["image_id"] for row in found] == [row["image_id"] for row in expected]
    for image_id in {row["image_id"] for row in expected}:
        assert_same_results(
            [row for row in found if row["image_id"] == image_id],
            [row for row in expected if row["image_id"] == image_id],
        )


def assert_same_results(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    def columns(rows: list[dict[str, Any]]) -> tuple[list[Any], NDArray[Any], list[Any]]:
        masks = [coco_mask.decode(row["segmentation"]).astype(bool) for row in rows]
        scores = np.array([row["score"] for row in rows])
        return [row["category_id"] for row in rows], scores, masks

    assert_same_instances(*columns(found), *columns(expected))
    boxes = np.array([[row["bbox"] for row in rows] for rows in (found, expected)])
    boxes[0] -= [0, 0, 1, 1]  # the published results end at the last pixel, COCO's boxes beyond it
    scores = np.array([[row["score"] for row in rows] for rows in (found, expected)])
    untied = np.abs(np.diff(scores[1], prepend=2, append=-2))
    alone = np.minimum(untied[1:], untied[:-1]) > 1e-4
    assert np.abs(boxes[0] - boxes[1])[alone].max(initial=0) <= 1
