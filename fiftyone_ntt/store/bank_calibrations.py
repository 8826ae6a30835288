"""A bank's calibrations in its file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from fiftyone_ntt.core.calibration import BINS, STEPS, Calibration, Reliability, Source
from fiftyone_ntt.store.sealed import Arrays

_WORDS = ("images", "source", "mode", "matching", "proposals", "segmenter", "bank")
_TABLES = {"chances": np.float64, "found": np.int64, "right": np.int64}
_RELIABILITIES = ("held_out", "raw")
_BINNED = {"counts": np.int64, "chances": np.float64, "shares": np.float64}


def calibration_content(calibrations: Sequence[Calibration]) -> tuple[list[dict[str, Any]], Arrays]:
    """Calibrations as JSON values and arrays, for `calibrations_from`."""
    words: list[dict[str, Any]] = []
    arrays: Arrays = {}
    for index, known in enumerate(calibrations):
        # JSON has no infinity.
        prior = None if math.isinf(known.prior) else known.prior
        words.append({name: getattr(known, name) for name in _WORDS} | {"prior": prior})
        for name, kind in _TABLES.items():
            arrays[f"calibrations.{index}.{name}"] = getattr(known, name).astype(kind)
        for part in _RELIABILITIES:
            for name, kind in _BINNED.items():
                column = getattr(getattr(known, part), name)
                arrays[f"calibrations.{index}.{part}.{name}"] = column.astype(kind)
    return words, arrays


def calibrations_from(
    words: Sequence[dict[str, Any]], arrays: Arrays, classes: tuple[str, ...]
) -> tuple[Calibration, ...]:
    """What `calibration_content` was given.

    Args:
        words: from anywhere.
        arrays: likewise; others among them do not matter.
        classes: of the bank.

    Raises:
        KeyError, TypeError, ValueError: they do not fit together.
    """
    return tuple(_calibration(row, index, arrays, classes) for index, row in enumerate(words))


def _calibration(
    words: dict[str, Any], index: int, arrays: Arrays, classes: tuple[str, ...]
) -> Calibration:
    # Those of before matching was noted hold for none.
    words = {"matching": {}, **words}
    prior = words["prior"]
    texts = [words[name] for name in ("mode", "segmenter", "bank")]
    if not all(isinstance(text, str) for text in texts) or words["source"] not in get_args(Source):
        raise ValueError("a calibration does not say what it is for")
    settings = [words["matching"], words["proposals"]]
    if not all(isinstance(found, dict) for found in settings) or not isinstance(
        words["images"], int
    ):
        raise ValueError("a calibration does not say what it was made of")
    start = f"calibrations.{index}"
    rows = len(arrays[f"{start}.chances"])
    tables: dict[str, Any] = {
        name: _checked(arrays[f"{start}.{name}"], (rows, STEPS), kind)
        for name, kind in _TABLES.items()
    }
    if rows != len(classes) or (np.diff(tables["chances"], axis=1) < -1e-9).any():
        raise ValueError("a calibration's chances do not rise with the score, class by class")
    parts: dict[str, Any] = {
        part: Reliability(
            *(_checked(arrays[f"{start}.{part}.{n}"], (BINS,), kind) for n, kind in _BINNED.items())
        )
        for part in _RELIABILITIES
    }
    return Calibration(
        classes=classes,
        prior=math.inf if prior is None else float(prior),
        **{name: words[name] for name in _WORDS},
        **tables,
        **parts,
    )


def _checked(array: Any, shape: tuple[int, ...], kind: type) -> Any:
    """An array of that type and shape, of numbers of at least 0; chances at most 1."""
    if array.dtype != kind or array.shape != shape or not (array >= 0).all():
        raise ValueError(f"a calibration's numbers are {array.dtype} {list(array.shape)}")
    if kind is np.float64 and not (array <= 1).all():
        raise ValueError("a calibration's chances are above 1")
    return array
