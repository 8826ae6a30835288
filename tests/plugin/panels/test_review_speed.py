"""How long the Review panel waits for the server, with 10,000 predictions on 1,000 images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fiftyone.operators.executor import ExecutionContext, Executor

import fiftyone_ntt as ntt

pytestmark = pytest.mark.timed

FIELD = "predictions"
IMAGES, EACH = 1_000, 10


@pytest.fixture
def many(scenes: fo.Dataset) -> Iterator[fo.Dataset]:
    """The predictions of six scenes, over and over, each with an id of its own."""
    ntt.build_memory_bank(
        scenes, "ground_truth", label_tags="reference", models="demo", name="colours"
    )
    ntt.segment(scenes, "colours", FIELD, points_per_side=8, progress=False)
    add_copies(scenes)
    yield scenes


def add_copies(scenes: fo.Dataset) -> None:
    """In a function of its own: samples that are still there are read anew at every event."""
    known = [sample for sample in scenes if sample[FIELD].detections]
    copies = []
    for index in range(IMAGES - len(scenes)):
        sample = known[index % len(known)]
        labels = sample[FIELD].detections
        more = [labels[at % len(labels)].copy() for at in range(EACH)]
        copies.append(fo.Sample(sample.filepath, **{FIELD: fo.Detections(detections=more)}))
    scenes.add_samples(copies, progress=False)


def test_answers_come_in_time(many: fo.Dataset, uri: Callable[[str], str]) -> None:
    def ask(method: str, **params: Any) -> tuple[float, Any]:
        start = time.perf_counter()
        panel = foo.get_operator(uri("review_panel"))
        given = {"__method__": method, "field": FIELD, **params}
        request = {"dataset_name": many.name, "params": given}
        answer = panel.execute(ExecutionContext(request, Executor()))
        return time.perf_counter() - start, answer

    def decide(key: str, verdict: str, names: list[str]) -> float:
        one = {"key": key, "field": FIELD, "verdict": verdict, "names": names}
        took, answer = ask("decide", decisions=[one])
        assert answer["reports"][key]["decided"] == len(names)
        return took

    ask("queue", limit=500)  # reads the bank
    opening, queue = ask("queue", limit=500)
    assert len(queue["items"]) == 500 and queue["left"] > 0.9 * IMAGES * EACH
    everything = ask("queue", limit=queue["left"])[1]["items"]
    names = [f"{item['label_id']}@{item['sample_id']}" for item in everything]
    crops, found = ask("crops", names=names[:20])
    assert len(found) == 20
    single = median(decide(f"k{index}", "accept", [names[index]]) for index in range(10))
    bulk = decide("bulk", "reject", names[100:1100])
    undone = decide("undo", "undecide", names[100:1100])
    print(
        f"\n{queue['left']:,} predictions: queue {opening:.2f} s, 20 crops {crops:.2f} s, "
        f"a decision {single:.3f} s, 1,000 decisions {bulk:.2f} s, taking them back {undone:.2f} s"
    )
    assert opening < 1 and crops < 1 and single < 0.5
    assert bulk < 3 and undone < 3
