"""Whose a label is: a person's, or a run's that nobody has touched since."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from fiftyone_ntt.dataset.labels.digests import DIGEST, is_as_written

Owner = Literal["by hand", "tagged", "edited", "unknown", "untouched"]
"""`by hand`: no run wrote it. `tagged` and `edited`: a run did, and a person said or changed
something since: *reviewed*. `unknown`: a run of an earlier version did, which kept no digest.
`untouched`: a run did, and it is as written."""

HAND: Owner = "by hand"
REVIEWED: tuple[Owner, ...] = ("tagged", "edited")

WRITTEN_TAGS = "written_tags"
"""Attribute of a prediction that was written with tags: those say nothing of a person."""

_RUN = re.compile(r"ntt_.+_[0-9a-f]{8}")


def is_run_key(value: object) -> bool:
    """Whether a label's `run` is the key of a run of this package."""
    return isinstance(value, str) and _RUN.fullmatch(value) is not None


def owner_of(label: Mapping[str, Any], *, moved: bool = True) -> Owner:
    """Whose a detection is.

    Args:
        label: as it lies in the database.
        moved: whether its sample was modified since the label was written; if not, its content
            need not be looked at.
    """
    if not is_run_key(label.get("run")):
        return HAND
    if set(label.get("tags") or ()) - set(label.get(WRITTEN_TAGS) or ()):
        return "tagged"
    written = label.get(DIGEST)
    if written is None:
        return "unknown"
    return "edited" if moved and not is_as_written(label, written) else "untouched"
