"""A JSON file of somebody else's, and the numbers, ids and texts in it, checked."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.errors import InputError

_MOST_BYTES = 4 * 2**30
"""Of a file: the largest published ones have 1.1 GB, and several times as much once read."""
_MOST_DIGITS = 40
"""Of a number written as text."""
_ID_LIMIT = 2**63
"""Ids are 64-bit numbers in the database, and in pycocotools."""


def read_json(path: Path, what: str = "COCO annotation file") -> Any:
    """What a JSON file holds.

    Args:
        path: of a regular file: a pipe or a device may never end.
        what: it should be, for messages.

    Raises:
        InputError: no such file, no regular one, too large, not JSON, or nested too deeply.
    """
    try:
        require_regular_file(path, _MOST_BYTES)
        return json.loads(path.read_text(encoding="utf-8-sig"))  # some tools write a mark
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file. Check the path.") from error
    except RecursionError as error:
        raise InputError(
            f"{path} is not a JSON file of use: its lists are nested too deeply. Pass a {what}."
        ) from error
    except (ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} is not a JSON file: {reason}. Pass a {what}.") from error


def as_number(value: Any) -> float | int | None:
    """A finite number of at most 64 bits, or the one that a text spells; None for all else.

    Example:
        >>> as_number("12.5"), as_number(7), as_number(float("nan")), as_number(True)
        (12.5, 7, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) > _MOST_DIGITS:
            return None
        try:
            value = float(value) if any(mark in value for mark in ".eEnN") else int(value)
        except ValueError:
            return None
    if isinstance(value, int):
        return value if abs(value) < _ID_LIMIT else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def as_flag(value: Any) -> bool | None:
    """What a flag such as `iscrowd` says: a number, a word for one, or nothing (no)."""
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in ("true", "false", ""):
        return value.strip().lower() == "true"
    number = as_number(value)
    return None if number is None else bool(number)


def as_id(value: Any) -> int | str | None:
    """A whole number of 64 bits or a text, as ids are; None for all else."""
    if isinstance(value, str):
        return value if is_text(value) else None
    number = as_number(value)
    return int(number) if number is not None and number == int(number) else None


def as_whole_number(value: Any) -> int | None:
    """A whole number of 64 bits, or the one that a text spells; None for all else."""
    number = as_number(value)
    return int(number) if number is not None and number == int(number) else None


def is_text(value: Any) -> bool:
    """Whether it is a text, not empty, that files, databases and terminals can hold."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates
        return False
    return True
