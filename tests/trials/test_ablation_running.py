"""A small ablation of two worlds: its figures, and that it goes on where it was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fiftyone_ntt.coco.scorer import Candidate, Scorer
from fiftyone_ntt.core.matching import match
from fiftyone_ntt.core.proposal_making import propose
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.core.rle import encode_masks
from fiftyone_ntt.core.settings import BEST_SCORING, PAPER_SCORING, ProposalSettings
from fiftyone_ntt.demo.world_candidates import WorldCandidates
from fiftyone_ntt.demo.world_trials import world_trial
from fiftyone_ntt.demo.worlds import WORLDS
from fiftyone_ntt.errors import InputError, StoreError
from fiftyone_ntt.models.loading import Models, load_models
from fiftyone_ntt.store.proposal_store import ProposalStore, rounded
from fiftyone_ntt.trials.ablation import Ablation
from fiftyone_ntt.trials.ablation_files import load_ablation, resume_ablation, save_ablation
from fiftyone_ntt.trials.ablation_running import Plan, run_ablation
from fiftyone_ntt.trials.trial_data import TrialData
from fiftyone_ntt.trials.variants import find_variants

NAMES = ["demo", "look-alikes"]
TARGETS, CANDIDATES, POINTS = 3, 12, 8
VARIANTS = ["best", "best + 4 crops"]
PLAN = Plan(find_variants(VARIANTS), (1,), (0,), POINTS)


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models("demo")


def sets(models: Models, names: list[str] = NAMES, targets: int = TARGETS) -> list[TrialData]:
    return [
        world_trial(WORLDS[name], "develop", models, targets=targets, candidates=CANDIDATES)
        for name in names
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ablation")


@pytest.fixture(scope="module")
def store(folder: Path) -> ProposalStore:
    return ProposalStore(folder / "store")


@pytest.fixture(scope="module")
def ablation(models: Models, store: ProposalStore, folder: Path) -> Ablation:
    return run_ablation(sets(models), models, PLAN, store, output=folder / "out")


def test_every_variant_is_tried_with_every_draw(ablation: Ablation) -> None:
    names = ["paper", *VARIANTS]
    assert [cell.key for cell in ablation.cells] == [
        (world, 1, 0, variant) for world in NAMES for variant in names
    ]
    assert all(len(cell.without) == TARGETS for cell in ablation.cells)
    assert {(cost.data, cost.crops) for cost in ablation.costs} == {
        (world, crops) for world in NAMES for crops in (0, 4)
    }
    assert all(cost.seconds > 0 and cost.bytes > 1000 for cost in ablation.costs)


@pytest.mark.parametrize("variant", ["paper", "best"])
def test_figures_equal_those_of_a_scorer_fed_by_hand(
    variant: str, ablation: Ablation, models: Models
) -> None:
    world = WORLDS["demo"]
    drawn = WorldCandidates(world.scenes("develop", "candidates", CANDIDATES), world.classes)
    bank = build_bank(drawn.draw(1, 0), models.encoder)
    scoring = BEST_SCORING if variant == "best" else PAPER_SCORING
    settings = ProposalSettings(points_per_side=POINTS)
    scenes = list(world.scenes("develop", "targets", TARGETS))
    matches = [
        match(
            rounded(propose(scene.image, models.segmenter, models.encoder, settings)),
            bank,
            scoring=scoring,
        )
        for scene in scenes
    ]

    def ap(left_out: int | None) -> float:
        scorer = Scorer("masks")
        for index, (scene, found) in enumerate(zip(scenes, matches, strict=True)):
            if index != left_out:
                masks = encode_masks(scene.masks)
                truth = [
                    Candidate(label, mask, (), float(pixels.sum()))
                    for label, mask, pixels in zip(scene.labels, masks, scene.masks, strict=True)
                ]
                predictions = [
                    Candidate(bank.classes[label], mask, (), 1.0, score=float(score))
                    for label, mask, score in zip(
                        found.labels, found.masks, found.scores, strict=True
                    )
                ]
                scorer.add(truth, predictions)
        return scorer.scores().metrics["AP"]

    [cell] = ablation.of("demo", variant)
    assert 0.1 < cell.ap < 1
    assert cell.ap == pytest.approx(ap(None), abs=1e-9)
    assert cell.without == pytest.approx([ap(index) for index in range(TARGETS)], abs=1e-9)


def test_nothing_is_done_twice(ablation: Ablation, models: Models, folder: Path) -> None:
    def refuse() -> Any:
        raise AssertionError("opened again")

    closed = [replace(part, open=refuse) for part in sets(models)]
    none = ProposalStore(folder / "none")
    again = run_ablation(closed, models, PLAN, none, output=folder / "out")
    assert again == ablation
    assert not none.folder.exists()


def test_variants_and_draws_may_be_added(
    ablation: Ablation, models: Models, store: ProposalStore, folder: Path
) -> None:
    out = folder / "more"
    out.mkdir()
    (out / "ablation.json").write_bytes((folder / "out" / "ablation.json").read_bytes())
    plan = Plan(find_variants(["paper + quality"]), (1,), (0, 1), POINTS)
    more = run_ablation(sets(models, ["demo"]), models, plan, store, output=out, workers=2)
    assert more.cells[: len(ablation.cells)] == ablation.cells
    added = [cell.key for cell in more.cells[len(ablation.cells) :]]
    assert added == [
        ("demo", 1, 0, "paper + quality"),
        ("demo", 1, 1, "paper"),
        ("demo", 1, 1, "paper + quality"),
    ]
    assert more.costs == ablation.costs
    assert load_ablation(out) == more


def test_cells_of_a_variant_that_means_something_else_now_are_done_again(
    ablation: Ablation, folder: Path
) -> None:
    changed = tuple(
        replace(found, scoring=replace(found.scoring, class_temperature=0.3))
        if found.name == "best"
        else found
        for found in ablation.variants
    )
    wanted = replace(ablation, variants=changed, cells=(), costs=())
    found = resume_ablation(folder / "out", wanted)
    assert {cell.variant for cell in found.cells} == {"paper", "best + 4 crops"}
    assert set(found.variants) == set(changed)


def test_another_ablation_is_refused(
    ablation: Ablation, models: Models, store: ProposalStore, folder: Path
) -> None:
    for plan, targets in ((replace(PLAN, points_per_side=9), TARGETS), (PLAN, TARGETS + 1)):
        with pytest.raises(StoreError, match="holds another ablation"):
            run_ablation(sets(models, targets=targets), models, plan, store, output=folder / "out")


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"version": 1}', b"\xff", b'{"version": 7}'])
def test_a_file_that_is_none_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "ablation.json").write_bytes(content)
    with pytest.raises(StoreError, match="is not an ablation"):
        load_ablation(tmp_path)


def test_without_objects_there_is_nothing_to_score(models: Models, store: ProposalStore) -> None:
    [part] = sets(models, ["demo"])
    content = part.open()
    bare = replace(content, images=[replace(image, truth=[]) for image in content.images])
    crowds = [
        replace(image, truth=[replace(found, crowd=True) for found in image.truth])
        for image in content.images
    ]
    for nothing in (bare, replace(content, images=crowds)):
        with pytest.raises(InputError, match="no labelled object"):
            run_ablation([replace(part, open=lambda n=nothing: n)], models, PLAN, store)
    for shots, seeds in (((), (0,)), ((0,), (0,)), ((1,), ()), ((1,), (-1,))):
        with pytest.raises(InputError, match="at least one of each"):
            Plan(PLAN.variants, shots, seeds, POINTS)


def test_a_figure_that_is_undefined_stays_so_in_the_file(
    ablation: Ablation, tmp_path: Path
) -> None:
    first = replace(ablation.cells[0], without=(0.5, float("nan"), 0.25))
    save_ablation(replace(ablation, cells=(first,)), tmp_path)
    [found] = load_ablation(tmp_path).cells
    assert np.isnan(found.without[1])
    assert (found.without[0], found.without[2]) == (0.5, 0.25)


def test_a_killed_command_goes_on_where_it_stopped(store: ProposalStore, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "fiftyone_ntt.cli", "ablate", "--output", str(tmp_path / "out")),
        *("--worlds", "demo", "--shots", "1", "--draws", "40", "--targets", str(TARGETS)),
        *("--points-per-side", str(POINTS), "--store", str(store.folder), "--variants", "best"),
    ]
    file = tmp_path / "out" / "ablation.json"
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not (file.exists() and json.loads(file.read_bytes())["cells"]):
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    before = load_ablation(file)
    assert 0 < len(before.cells) < 80
    command[command.index("40")] = str(len(before.cells) // 2 + 1)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    after = load_ablation(file)
    assert after.cells[: len(before.cells)] == before.cells
    assert len(after.cells) == len(before.cells) + 2
    assert "Mask AP, mean ± std over" in done.stdout
    names = {path.name for path in file.parent.iterdir()}
    assert names >= {"ablation.json", "ablation.md", "ablation.png"}
