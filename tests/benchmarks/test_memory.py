"""Memory does not grow with the number of images, nor much with their size."""

from __future__ import annotations

import pytest

from benchmarks.memory import in_a_row


@pytest.mark.slow
def test_many_images_in_a_row_take_no_more_memory() -> None:
    report = in_a_row(300, "cpu")
    resident = [row["resident (MB)"] for row in report.rows]
    assert len(resident) == 20
    assert resident[-1] - resident[2] < 15  # one image's square alone is 0.8 MB in float32
