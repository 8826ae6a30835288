"""A process that is killed while it writes to the database: at every write, or at random moments.

Run as `python -m tests.dataset.killing DATASET SCENARIO...`: it prints, as JSON, what is there
after each kill. The process forks, as starting FiftyOne anew for every kill would take minutes.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pymongo import monitoring

ROOT = Path(__file__).parents[2]
WRITES = ("insert", "update", "delete", "findAndModify")
ROUNDS = 20
"""Kills at random moments."""


def states_after_kills(dataset: Any, *scenarios: str) -> dict[str, list[Any]]:
    """By scenario, what another process leaves when it is killed before its first write, before its
    second, and so on; last, what it leaves when it is not killed."""
    command = [sys.executable, "-m", "tests.dataset.killing", dataset.name, *scenarios]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


class Killer(monitoring.CommandListener):
    """Kills its own process before a write, counted from when `left` is set."""

    left: int | None = None

    def started(self, event: Any) -> None:
        if self.left is None or event.command_name not in WRITES:
            return
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...


@dataclass(frozen=True)
class Scenario:
    """What is there before, what is done to it, and how its state is told, as JSON values."""

    before: Callable[[Any], object]
    act: Callable[[Any], object]
    state: Callable[[Any], Any]


def bank_scenarios() -> dict[str, Scenario]:
    import fiftyone_ntt as ntt
    from tests.store.test_bank_file import example

    def before(dataset: Any) -> None:
        for bank in ntt.list_memory_banks(dataset):
            ntt.delete_memory_bank(dataset, bank.name)
        ntt.save_memory_bank(dataset, example(3), "bank")

    def state(dataset: Any) -> dict[str, int]:
        names = [bank.name for bank in ntt.list_memory_banks(dataset)]
        banks = [ntt.load_memory_bank(dataset, name) for name in names]
        return {bank.name: len(bank.negatives) for bank in banks}

    def overwrite(dataset: Any, negatives: int = 5) -> None:
        ntt.save_memory_bank(dataset, example(negatives), "bank", overwrite=True)

    def overwrite_forever(dataset: Any) -> None:
        while True:
            overwrite(dataset, 5)
            overwrite(dataset, 3)

    actions: dict[str, Callable[[Any], object]] = {
        "overwrite": overwrite,
        "overwrite at random": overwrite_forever,
        "rename": lambda dataset: ntt.rename_memory_bank(dataset, "bank", "other"),
        "duplicate": lambda dataset: ntt.duplicate_memory_bank(dataset, "bank", "copy"),
        "remove negatives": lambda dataset: ntt.remove_negatives(dataset, "bank"),
        "delete": lambda dataset: ntt.delete_memory_bank(dataset, "bank"),
    }
    return {name: Scenario(before, act, state) for name, act in actions.items()}


def curve_scenarios() -> dict[str, Scenario]:
    import fiftyone_ntt as ntt
    from fiftyone_ntt.coco.average_precision import CocoScores
    from fiftyone_ntt.dataset.evaluation.shots_curve import TrialScore, _StoredTrials

    def add(dataset: Any, identity: str, shots: int, overwrite: bool = False) -> None:
        kept = _StoredTrials(dataset, "curve", identity, overwrite)
        kept.add(TrialScore(shots, 0, CocoScores({}, {}, {}, {})))

    def before(dataset: Any) -> None:
        if "curve" in ntt.list_shots_curves(dataset):
            dataset.delete_run("curve")
        for shots in (1, 2):
            add(dataset, "old", shots)

    def state(dataset: Any) -> list[int]:
        return [trial.shots for trial in ntt.load_shots_curve(dataset, "curve").trials]

    return {
        "next trial": Scenario(before, lambda d: add(d, "old", 3), state),
        "another curve": Scenario(before, lambda d: add(d, "new", 9, overwrite=True), state),
    }


def visualization_scenarios() -> dict[str, Scenario]:
    from fiftyone_ntt.dataset.pictures.visualization import _Points, _replace_runs
    from fiftyone_ntt.dataset.references.label_lookup import LabelPlace

    def show(dataset: Any, count: int) -> None:
        columns = dataset.values(["id", "ground_truth.detections.id"])
        labels = [
            LabelPlace(sample, key) for sample, keys in zip(*columns, strict=True) for key in keys
        ]
        places = np.zeros((count, 2), np.float32)
        points = _Points("ground_truth", labels[:count], places)
        _replace_runs(dataset, "shown", {"shown_references": points})

    def state(dataset: Any) -> int:
        dataset.clear_cache()
        return len(dataset.load_brain_results("shown_references").points)

    return {"visualize": Scenario(lambda d: show(d, 3), lambda d: show(d, 5), state)}


def after_every_kill(dataset: Any, scenario: Scenario, killer: Killer) -> list[Any]:
    """The states after a kill before each write, and after none."""
    states: list[Any] = []
    status = -1
    while status != 0:
        scenario.before(dataset)
        child = os.fork()
        if child == 0:
            killer.left = len(states)
            scenario.act(dataset)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert status in (0, signal.SIGKILL), f"the action failed: {status}"
        states.append(state(dataset, scenario))
    return states


def after_random_kills(dataset: Any, scenario: Scenario) -> list[Any]:
    """The states after kills at random moments of an action that never ends."""
    chance = random.Random(7)
    states = []
    scenario.before(dataset)
    for _ in range(ROUNDS):
        child = os.fork()
        if child == 0:
            scenario.act(dataset)
        time.sleep(chance.uniform(0.05, 0.4))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        states.append(state(dataset, scenario))
    return states


def state(dataset: Any, scenario: Scenario) -> Any:
    """The state, or the error that it cannot be told for."""
    dataset.reload()
    try:
        return scenario.state(dataset)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def main(name: str, *wanted: str) -> None:
    killer = Killer()
    monitoring.register(killer)  # before FiftyOne connects
    import fiftyone as fo

    dataset = fo.load_dataset(name)
    known = bank_scenarios() | curve_scenarios() | visualization_scenarios()
    found = {
        key: after_random_kills(dataset, known[key])
        if key.endswith("at random")
        else after_every_kill(dataset, known[key], killer)
        for key in wanted
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
