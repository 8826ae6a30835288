"""Two processes segment into one field while a person draws there: nothing of the person's is lost.

`FIFTYONE_NTT_ROUNDS=50` for the long version.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from bson import ObjectId

import fiftyone_ntt as ntt
from fiftyone_ntt.dataset.labels.digests import document_digest
from fiftyone_ntt.dataset.work.refreshing import refresh
from tests.dataset.colour_models import colour_models
from tests.dataset.scenes import add_scenes

CHECKOUT = Path(__file__).parents[3]
ROUNDS = int(os.environ.get("FIFTYONE_NTT_ROUNDS", "10"))
IMAGES = 12
MODELS = colour_models()

WORKER = """
import json, random, sys, time
import fiftyone as fo
import fiftyone_ntt as ntt
from tests.dataset.colour_models import colour_models

models = colour_models()
for line in sys.stdin:
    name, bank, seed = json.loads(line)
    dice = random.Random(seed)
    time.sleep(dice.uniform(0, 0.2))
    dataset = fo.load_dataset(name)
    dataset._reload()
    try:
        report = ntt.segment(
            dataset, bank, models=models, store=False, chunk_size=dice.choice([1, 2, 5]),
            overwrite=dice.random() < 0.5,
            progress=lambda done, total: time.sleep(dice.uniform(0, 0.08)),
        )
        print(json.dumps(["done", report.run, report.failures]), flush=True)
    except ntt.NttError as error:
        print(json.dumps(["refused", str(error)]), flush=True)
"""


class Worker:
    """A process that segments when it is told to."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, *task: Any) -> None:
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()

    def answer(self) -> list[Any]:
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Worker]]:
    made = [Worker(), Worker()]
    yield made
    for worker in made:
        worker.process.stdin.close()
        worker.process.wait(60)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fo.Dataset]:
    found = fo.Dataset()
    add_scenes(found, tmp_path_factory.mktemp("scenes"), IMAGES)
    for name, classes in (("all", None), ("two", ["red", "blue"])):
        ntt.build_memory_bank(found[:2], "ground_truth", models=MODELS, name=name, classes=classes)
    yield found
    found.delete()


class Person(threading.Thread):
    """Draws small labels, tags and corrects predictions, one at a time, as the App does it: by
    label, moving the sample's time."""

    def __init__(self, scenes: fo.Dataset, seed: int) -> None:
        super().__init__()
        self.collection = scenes._sample_collection
        self.ids = [ObjectId(key) for key in scenes.values("id")]
        self.dice = random.Random(seed)
        self.ended = threading.Event()
        self.drawn: dict[ObjectId, tuple[ObjectId, str]] = {}
        self.reviewed: dict[ObjectId, str] = {}

    def run(self) -> None:
        while not self.ended.is_set():
            time.sleep(self.dice.uniform(0, 0.06))
            sample = self.dice.choice(self.ids)
            self.draw(sample) if self.dice.random() < 0.7 else self.review(sample)

    def draw(self, sample: ObjectId) -> None:
        corner = [self.dice.uniform(0, 0.9), self.dice.uniform(0, 0.9)]
        label = dict(fo.Detection(label="mine", bounding_box=[*corner, 0.02, 0.02]).to_mongo())
        self.collection.update_one(
            {"_id": sample, "predictions": None},
            {"$set": {"predictions": {"_cls": "Detections", "detections": []}}},
        )
        self.collection.update_one(
            {"_id": sample},
            {
                "$push": {"predictions.detections": label},
                "$set": {"last_modified_at": datetime.now(timezone.utc)},
            },
        )
        self.drawn[label["_id"]] = sample, document_digest(label)

    def review(self, sample: ObjectId) -> None:
        row = self.collection.find_one({"_id": sample}, {"predictions": 1})
        labels = ((row or {}).get("predictions") or {}).get("detections") or []
        ours = [label for label in labels if label.get("run")]
        if not ours:
            return
        label = self.dice.choice(ours)
        changed = self.collection.update_one(
            {"_id": sample, "predictions.detections._id": label["_id"]},
            {
                "$set": {
                    "predictions.detections.$.label": "corrected",
                    "last_modified_at": datetime.now(timezone.utc),
                }
            },
        )
        if changed.matched_count:
            self.reviewed[label["_id"]] = "corrected"


def cleared(scenes: fo.Dataset) -> None:
    refresh(scenes)
    for run in ntt.list_prediction_runs(scenes):
        scenes.delete_run(run)
    if scenes.get_field("predictions") is not None:
        scenes.delete_sample_field("predictions")


def predictions(scenes: fo.Dataset, run: str) -> dict[ObjectId, list[tuple[str, float]]]:
    """Of each sample, what a run wrote there and nobody corrected."""
    return {
        row["_id"]: [
            (label["digest"], label["confidence"])
            for label in row["predictions"]["detections"]
            if label.get("run") == run and label["label"] != "corrected"
        ]
        for row in scenes._sample_collection.find()
    }


@pytest.fixture(scope="module")
def undisturbed(scenes: fo.Dataset) -> dict[str, Any]:
    found = {}
    for bank in ("all", "two"):
        cleared(scenes)
        run = ntt.segment(scenes, bank, models=MODELS, store=False).run
        found[run] = predictions(scenes, run)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", range(ROUNDS))
def test_nothing_of_a_person_s_is_lost(
    number: int, scenes: fo.Dataset, workers: list[Worker], undisturbed: dict[str, Any]
) -> None:
    cleared(scenes)
    dice = random.Random(number)
    person = Person(scenes, number)
    for worker in workers:
        worker.tell(scenes.name, dice.choice(["all", "two"]), dice.random())
    person.start()
    answers = [worker.answer() for worker in workers]
    person.ended.set()
    person.join()

    labels = {
        label["_id"]: (row["_id"], label)
        for row in scenes._sample_collection.find()
        for label in (row.get("predictions") or {}).get("detections") or []
    }
    for key, (sample, digest) in person.drawn.items():
        assert labels[key][0] == sample
        assert document_digest(labels[key][1]) == digest
    for key, name in person.reviewed.items():
        assert labels[key][1]["label"] == name
    check_answers(scenes, answers, undisturbed, person)


def check_answers(
    scenes: fo.Dataset, answers: list[Any], undisturbed: dict[str, Any], person: Person
) -> None:
    """Who came second was refused, by name, unless the first one had ended; what was written is
    what that run writes alone."""
    refusals = [answer[1] for answer in answers if answer[0] == "refused"]
    for refusal in refusals:
        assert "being written to by run ntt_predictions_" in refusal or "already holds" in refusal
    REFUSED.append(any("being written" in refusal for refusal in refusals))
    done = [answer for answer in answers if answer[0] == "done"]
    assert [failures for _, _, failures in done] == [{}] * len(done)
    if not done:  # both found the person's labels first, and were not told to write beside them
        return
    rows = {row["_id"]: row["predictions"] for row in scenes._sample_collection.find()}
    (run,) = {value["run"] for value in rows.values()}
    assert run in [key for _, key, _ in done]
    written = predictions(scenes, run)
    for sample, value in rows.items():
        if not any(label["_id"] in person.reviewed for label in value["detections"]):
            assert written[sample] == undisturbed[run][sample]


REFUSED: list[bool] = []
"""Of each round, whether a run was refused because another one held the field."""


@pytest.mark.slow
def test_runs_did_get_into_each_other_s_way() -> None:
    assert sum(REFUSED) >= len(REFUSED) / 3
