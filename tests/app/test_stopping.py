"""Closing the App in the middle of a run, as the server sees it."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import fiftyone_ntt as ntt


def run_begun(
    server: int, demo: Any, name: str, points_per_side: int
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """A run as the App starts one, with a bank and into a field of that name; it has done at least
    an image."""
    connection = http.client.HTTPConnection("127.0.0.1", server, timeout=120)
    request = {
        "operator_uri": "@ntt/reference_segmentation/segment_with_memory_bank",
        "dataset_name": demo.name,
        "prompt_id": name,
        "params": {"bank": name, "label_field": name, "points_per_side": points_per_side},
    }
    connection.request(
        "POST",
        "/operators/execute/generator",
        json.dumps(request),
        {"Content-Type": "application/json"},
    )
    response = connection.getresponse()
    while b"of 12 images" not in response.readline():
        pass
    return connection, response


def test_a_closed_connection_stops_the_run_and_keeps_what_is_done(server: int, demo: Any) -> None:
    ntt.build_memory_bank(demo[:2], "ground_truth", models="demo", name="left")
    connection, response = run_begun(server, demo, "left", points_per_side=32)
    response.close()
    connection.close()

    status, deadline = "", time.monotonic() + 60
    while status not in ("FAILED", "COMPLETED") and time.monotonic() < deadline:
        time.sleep(0.2)
        demo.reload()
        runs = ntt.list_prediction_runs(demo).values()
        (status, reason, done) = next(
            (run["status"], run["reason"], run["done"]) for run in runs if run["field"] == "left"
        )

    assert status == "FAILED"
    assert "closed the connection" in reason
    assert 1 <= done < 12


def test_a_field_deleted_by_another_process_ends_the_run_with_a_reason(
    server: int, demo: Any
) -> None:
    ntt.build_memory_bank(demo[:2], "ground_truth", models="demo", name="doomed", overwrite=True)
    # A grid that no other test has stored proposals of: stored ones are matched in no time.
    connection, response = run_begun(server, demo, "doomed", points_per_side=30)
    demo.reload()
    demo.delete_sample_field("doomed")
    rest = response.read().decode()
    connection.close()

    assert "field 'doomed' was deleted while run" in rest
    assert "Traceback" not in rest
    demo.reload()
    assert not demo.has_field("doomed")
    (run,) = (r for r in ntt.list_prediction_runs(demo).values() if r["field"] == "doomed")
    assert run["status"] == "FAILED"
    report = ntt.segment(demo, "doomed", "doomed", points_per_side=30)
    assert (report.written, report.failures) == (12, {})
