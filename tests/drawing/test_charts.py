"""What the charts show, and that they become PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fiftyone_ntt.drawing.charts import class_chart, reliability_chart, save_chart, shots_chart

CURVES = {"boxes AP": {1: [0.2, 0.4], 5: [0.5, 0.5]}, "masks AP": {1: [0.1, 0.2], 5: [0.4, 0.5]}}


def test_a_shots_chart_shows_means_spread_and_what_is_published() -> None:
    chart = shots_chart(CURVES, title="toy", published={"masks AP": {10: 0.33, 1: 0.22}})
    (axes,) = chart.axes
    lines = {tuple(np.asarray(line.get_ydata(), float).round(6)) for line in axes.lines}
    assert {(30.0, 50.0), (15.0, 45.0), (22.0, 33.0)} <= lines
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "5", "10"]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(names) == ["boxes AP", "masks AP", "masks AP, published"]
    bars = axes.collections[0].get_segments()
    assert bars[0][:, 1] == pytest.approx([20, 40]) and bars[1][:, 1] == pytest.approx([50, 50])


def test_a_class_chart_ranks_the_classes() -> None:
    figures = {"bird": {"AP": 0.2, "IoU": 0.9}, "boat": {"AP": 0.7, "IoU": 0.1}, "cow": {"AP": 0}}
    (axes,) = class_chart(figures).axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["cow", "bird", "boat"]
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == pytest.approx([0, 20, 70, 0, 90, 10])


def test_of_many_classes_the_best_and_the_worst_are_shown() -> None:
    figures = {f"class {index:03}": {"AP": index / 1000} for index in range(300)}
    (axes,) = class_chart(figures, title="lvis").axes
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == [f"class {i:03}" for i in [*range(40), *range(260, 300)]]
    assert axes.get_title() == "lvis (80 of 300 classes)"


def test_saving(tmp_path: Path) -> None:
    path = save_chart(shots_chart(CURVES), tmp_path / "curve.png")
    with Image.open(path) as image:
        assert image.format == "PNG" and image.width > 400
        assert len(image.convert("RGB").getcolors(10**6) or []) > 20


def test_a_reliability_chart_shows_the_bins_that_hold_something() -> None:
    chart = reliability_chart(
        {"scores": ([4, 0, 2], [0.2, 0.0, 0.9], [0.5, 0.0, 1.0])}, title="mode 'best'"
    )
    above, below = chart.axes
    line = above.lines[1]
    assert line.get_xdata().tolist() == pytest.approx([20, 90])
    assert line.get_ydata().tolist() == pytest.approx([50, 100])
    assert [bar.get_height() for bar in below.patches] == [4, 0, 2]
    assert above.get_title() == "mode 'best'"
