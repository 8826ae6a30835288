"""Runs as the App begins them, and the App closed meanwhile, as the server sees it."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import fiftyone_ntt as ntt


def run_begun(server: int, demo: Any, name: str, points_per_side: int) -> ntt.RunState:
    """A run as the App begins one, with a bank and into a field of that name; it has done at least
    an image. The App is closed."""
    connection = http.client.HTTPConnection("127.0.0.1", server, timeout=120)
    request = {
        "operator_uri": "@ntt/reference_segmentation/segment_with_memory_bank",
        "dataset_name": demo.name,
        "prompt_id": name,
        "params": {"bank": name, "label_field": name, "points_per_side": points_per_side},
    }
    connection.request(
        "POST", "/operators/execute", json.dumps(request), {"Content-Type": "application/json"}
    )
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert answer["result"] == {"going": True}, answer
    return until(demo, name, lambda state: state is not None and state.done >= 1)


def until(demo: Any, field: str, reached: Any) -> ntt.RunState:
    """The run of a field, once it is as far as that."""
    deadline = time.monotonic() + 120
    while True:
        state = next((s for s in ntt.run_states(demo) if s.field == field), None)
        if reached(state):
            assert state is not None
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.1)


def test_a_run_goes_on_when_the_app_is_closed_until_it_is_cancelled(server: int, demo: Any) -> None:
    ntt.build_memory_bank(demo[:2], "ground_truth", models="demo", name="left")
    begun = run_begun(server, demo, "left", points_per_side=32)
    assert begun.status == "running" and begun.process
    ntt.cancel_run(demo, begun.run)
    ended = until(demo, "left", lambda state: state.status == "cancelled")
    assert 1 <= ended.done == 12 - ended.left < 12
    assert len(ntt.list_prediction_runs(demo)) >= 1


def test_a_field_deleted_by_another_process_ends_the_run_with_a_reason(
    server: int, demo: Any
) -> None:
    ntt.build_memory_bank(demo[:2], "ground_truth", models="demo", name="doomed", overwrite=True)
    # A grid that no other test has stored proposals of: stored ones are matched in no time.
    begun = run_begun(server, demo, "doomed", points_per_side=30)
    demo.reload()
    demo.delete_sample_field("doomed")
    ended = until(demo, "doomed", lambda state: state.status != "running")
    assert ended.status == "failed"
    assert "field 'doomed' was deleted while run" in ended.reason
    demo.reload()
    assert not demo.has_field("doomed")
    report = ntt.continue_run(demo, begun.run)
    assert (report.written, report.failures) == (12, {})
