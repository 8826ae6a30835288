"""Damaged benchmarks: an error of ours or a benchmark whose summary can be read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from fiftyone_ntt.protocols.draws import Draw
from fiftyone_ntt.protocols.record import Benchmark, load_benchmark, resume_benchmark
from fiftyone_ntt.protocols.summary import compare, rows
from tests.mutations import each_mutation, mutated_bytes, mutated_json, mutations
from tests.protocols.test_summary import SETUP

METRICS = {"boxes AP": 0.25, "masks AP": 0.5, "masks AP50": 0.75}


def draw(shots: int, seed: int) -> Draw:
    return Draw("all", shots, seed, METRICS, {"cat": METRICS}, {"cat": 3}, {"cat": 2}, 7, 19)


def test_damaged_benchmarks(tmp_path: Path) -> None:
    whole = Benchmark(SETUP, {"all": {"a.json": 12}}, (draw(1, 0), draw(1, 1), draw(5, 0)))
    path, read_in_full = whole.save(tmp_path), 0
    data = path.read_bytes()

    def read(seed: int) -> None:
        nonlocal read_in_full
        content = json.dumps(mutated_json(json.loads(data), seed)).encode()
        path.write_bytes(mutated_bytes(data, seed) if seed % 4 == 0 else content)
        found = load_benchmark(tmp_path)
        read_in_full += 1
        assert str(found).encode() and rows(found) is not None
        compare(whole, found)
        resume_benchmark(tmp_path, replace(SETUP, models="others"))
        found.with_draw(draw(5, 1)).save(tmp_path)

    each_mutation(read, "benchmark")
    assert read_in_full > mutations() / 20
