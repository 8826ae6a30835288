"""What a benchmark read from a file must fulfil before anything is computed or said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fiftyone_ntt.coco.json_files import is_text
from fiftyone_ntt.core.settings import CROPS
from fiftyone_ntt.protocols.catalogue import PROTOCOLS
from fiftyone_ntt.protocols.draws import INCLUSIVE, PIXELS

_MOST = 2**53
"""Of any count or seed."""

Check = Callable[[Any], bool]


def require_sound_benchmark(setup: Any, data: Any, draws: Any) -> None:
    """Check the types and ranges of all values, whatever JSON said.

    Args:
        setup: a `Setup` of any values.
        data: sizes of files, by part.
        draws: `Draw`s of any values.

    Raises:
        ValueError: what is wrong, as a clause.
    """
    _require("setup", vars(setup), _SETUP)
    if not _by_name(_by_name(_is_count))(data):
        raise ValueError("its data are no sizes of files by part")
    for draw in draws:
        _require("draw", vars(draw), _DRAW)
    keys = [draw.key for draw in draws]
    if len(set(keys)) < len(keys):
        raise ValueError("it holds a draw twice")


def _require(what: str, values: dict[str, Any], checks: dict[str, Check]) -> None:
    for name, check in checks.items():
        if not check(values[name]):
            raise ValueError(f"the {name} of a {what} cannot be {str(values[name])[:80]!r}")


def _by_name(check: Check) -> Check:
    return lambda found: (
        isinstance(found, dict)
        and all(is_text(key) and check(value) for key, value in found.items())
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MOST


def _is_metric(value: Any) -> bool:
    return type(value) in (int, float) and -1 <= value <= 1  # NaN fails this too


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


_is_metrics = _by_name(_is_metric)
_SETUP: dict[str, Check] = {
    "protocol": lambda value: is_text(value) and value in PROTOCOLS,
    "models": is_text,
    "encoder": is_text,
    "segmenter": is_text,
    "mode": is_text,
    "points_per_side": _is_count,
    "confidence_threshold": _or_none(_is_metric),
    "boxes": lambda value: value in (INCLUSIVE, PIXELS),
    "crops": lambda value: value in CROPS,
}
_DRAW: dict[str, Check] = {
    "part": is_text,
    "shots": _is_count,
    "seed": _or_none(_is_count),
    "metrics": _is_metrics,
    "classes": _by_name(_is_metrics),
    "references": _by_name(_is_count),
    "repeated": _by_name(_is_count),
    "images": _is_count,
    "detections": _is_count,
}
