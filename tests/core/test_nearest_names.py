"""Names that are nearly those wanted."""

from __future__ import annotations

import pytest

from fiftyone_ntt.core.nearest_names import nearest_name, nearest_names_hint

KNOWN = ["traffic light", "car", "Boat"]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("car", None),
        ("car ", "car"),
        ("CAR", "car"),
        (" boat", "Boat"),
        ("traffic_light", "traffic light"),
        ("traffic  light", "traffic light"),
        ("trafic light", "traffic light"),
        ("horse", None),
        ("", None),
    ],
)
def test_the_nearest_name(name: str, nearest: str | None) -> None:
    assert nearest_name(name, KNOWN) == nearest


def test_the_hint_names_both() -> None:
    hint = nearest_names_hint(["car ", "horse", "boat"], KNOWN)
    assert hint.startswith("'car ' looks like 'car', 'boat' looks like 'Boat': names must be equal")
    assert nearest_names_hint(["horse", "car"], KNOWN) == ""
