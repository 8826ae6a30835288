"""Names that are nearly those wanted: another case, a stray space, a slip of the pen."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SIMILAR = 0.8
"""Share of matching characters from which two names look alike."""


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """The one of some names that another one was most likely meant to be.

    Returns:
        None if none is alike, or it is one of them.

    Example:
        >>> nearest_name(" Traffic_light", ["traffic light", "car"])
        'traffic light'
    """
    known = list(names)
    if name in known:
        return None
    by_fold = {_folded(other): other for other in reversed(known)}
    if _folded(name) in by_fold:
        return by_fold[_folded(name)]
    close = difflib.get_close_matches(_folded(name), by_fold, n=1, cutoff=_SIMILAR)
    return by_fold[close[0]] if close else None


def nearest_names_hint(names: Iterable[str], known: Iterable[str]) -> str:
    """A sentence about those of some names that look like known ones; empty if none does."""
    known = list(known)
    pairs = [(name, nearest_name(name, known)) for name in names]
    alike = [f"{name!r} looks like {other!r}" for name, other in pairs if other is not None]
    return f"{', '.join(alike)}: names must be equal, in case and spaces too." if alike else ""


def _folded(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").split()).casefold()
