"""Means over seeds and parts, the published rows beside them, and comparing two benchmarks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fiftyone_ntt.benchmark_command import _PROTOCOLS
from fiftyone_ntt.cli import main
from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.protocols.catalogue import PROTOCOLS
from fiftyone_ntt.protocols.draws import Draw, Setup
from fiftyone_ntt.protocols.record import Benchmark, load_benchmark
from fiftyone_ntt.protocols.summary import compare, rows

SETUP = Setup("voc", "paper", "encoder", "segmenter", "paper", 32, None)


def draw(part: str, shots: int, seed: int | None, ap50: float) -> Draw:
    metrics = {"boxes AP": ap50 / 2, "boxes AP50": ap50}
    return Draw(part, shots, seed, metrics, {}, {"bird": shots}, {}, 10, 50)


def benchmark(*draws: Draw, **setup: object) -> Benchmark:
    return Benchmark(replace(SETUP, **setup), {}, draws)  # type: ignore[arg-type]


VOC = benchmark(
    *(draw("1", 1, 33, 0.4), draw("1", 1, 34, 0.6)),
    *(draw("2", 1, 33, 0.5), draw("2", 1, 34, 0.9)),
    *(draw("1", 5, 33, 0.8), draw("2", 5, 33, 1.0)),
)


def test_rows() -> None:
    found = {(row.part, row.shots): row.metrics["boxes AP50"] for row in rows(VOC)}
    assert [(f"{key}", str(spread)) for key, spread in found.items()] == [
        ("('1', 1)", "50.0 ± 10.0"),
        ("('2', 1)", "70.0 ± 20.0"),
        ("('all', 1)", "60.0 ± 15.0"),  # of the seeds' means, 45 and 75
        ("('1', 5)", "80.0"),
        ("('2', 5)", "100.0"),
        ("('all', 5)", "90.0"),
        ("('all', None)", "75.0"),
    ]
    assert found["all", 1].std == pytest.approx(np.std([0.45, 0.75]))


def test_the_published_row_is_beside() -> None:
    lines = str(VOC).splitlines()
    (row,) = [line for line in lines if line.startswith("all shots")]
    assert row.split() == ["all", "shots", "6", "75.0", "71.2"]
    assert sum("71.2" in line for line in lines) == 1
    assert lines[-1] == "Published figures are of all parts; not run: 3."
    coco = benchmark(draw("all", 10, 33, 0.7), protocol="coco-fewshot", models="small")
    text = str(coco)
    assert "35.0" in text and "35.9 ± 0.5" in text and "33.4 ± 0.5" in text
    assert "Published figures are of the models `paper`, 32 points" in text
    assert "generated scenes" not in text


def test_parts_with_one_published_draw_have_no_spread_together() -> None:
    mixed = benchmark(
        *(draw("DIOR", 1, None, 0.2), draw("UODD", 1, 33, 0.4), draw("UODD", 1, 34, 0.6)),
        protocol="cd-fsod",
    )
    found = {(row.part, row.shots): row.metrics["boxes AP50"] for row in rows(mixed)}
    assert str(found["all", 1]) == "35.0"
    assert str(found["UODD", 1]) == "50.0 ± 10.0"


def test_comparing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = benchmark(draw("1", 1, 33, 0.5), draw("2", 1, 33, 0.6), models="large")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = VOC.save(tmp_path / "a"), other.save(tmp_path / "b")
    assert load_benchmark(first) == VOC
    assert main(["benchmark", "compare", str(first), str(second.parent)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "models: paper -> large",
        "their parts, shots or seeds differ",
        "1-shot 1 boxes AP 25.0 ± 5.0 -> 25.0 +0.0",
        "1-shot 1 boxes AP50 50.0 ± 10.0 -> 50.0 +0.0",
        "1-shot 2 boxes AP 35.0 ± 10.0 -> 30.0 -5.0",
        "1-shot 2 boxes AP50 70.0 ± 20.0 -> 60.0 -10.0",
        "1-shot boxes AP 30.0 ± 7.5 -> 27.5 -2.5",
        "1-shot boxes AP50 60.0 ± 15.0 -> 55.0 -5.0",
    ]
    assert len(compare(VOC, VOC).splitlines()) == 14


def test_a_file_that_is_no_benchmark(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(StoreError, match=r"x\.json: no such file"):
        load_benchmark(path)
    for text in ("{", "[]", '{"version": 1}', '{"version": 2, "setup": {}, "draws": []}'):
        path.write_text(text)
        with pytest.raises(StoreError, match=r"x\.json is not a benchmark"):
            load_benchmark(path)


def test_the_command_offers_what_there_is() -> None:
    assert {name: part for name, (_, part) in _PROTOCOLS.items()} == {
        name: protocol.part_word for name, protocol in PROTOCOLS.items()
    }
