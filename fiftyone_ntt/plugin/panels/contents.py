"""What of a bank the Memory Bank panel lists: a page of its references or negatives, as JSON.

Only a page goes to the browser: of 1,203 classes all pictures would be 50 MB.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PAGE = 96
"""Pictures on a page: together about 0.4 MB."""
ALL, FLAGGED, NEGATIVES = "all", "flagged", "negatives"

_ORIGINS = {
    "mined": "the bank took it for one",
    "tagged": "tagged by hand",
    "background": "around a reference",
    "rejected": "a prediction that was rejected",
    "given": "given when the bank was built",
}

Item = dict[str, Any]
Thumbnails = Mapping[str, Any]
"""`fiftyone_ntt.dataset.banks.thumbnails.Thumbnail` or None, by id in the bank."""


@dataclass(frozen=True)
class Choice:
    """What is looked at.

    Attributes:
        show: `all` references, the `flagged` ones, or the `negatives`.
        search: a part of a class's or a file's name.
        page: from 0.
    """

    show: str = ALL
    search: str = ""
    page: int = 0

    @staticmethod
    def of(given: Mapping[str, Any] | None) -> Choice:
        """As the browser sends it, which may be an older page."""
        given = given or {}
        show = given.get("show")
        return Choice(
            show if show in (FLAGGED, NEGATIVES) else ALL,
            str(given.get("search") or ""),
            max(0, int(given.get("page") or 0)),
        )


def chosen(review: Any, choice: Choice) -> list[Any]:
    """The reviews of all references or negatives that are looked at, those to look at first."""
    search = choice.search.strip().casefold()
    rows = review.negatives if choice.show == NEGATIVES else review.references
    found = [
        row
        for row in rows
        if (choice.show != FLAGGED or row.marks)
        and (not search or search in f"{row.label}\n{row.image_name}".casefold())
    ]
    if choice.show == NEGATIVES:
        return found
    order = {name: number for number, name in enumerate(review.classes)}
    if choice.show == FLAGGED:  # "drop" comes before "keep"
        return sorted(found, key=lambda row: (row.verdict, order[row.label]))
    return sorted(found, key=lambda row: (order[row.label], not row.marks))


def page_of(rows: Sequence[Any], choice: Choice) -> tuple[Sequence[Any], int, int]:
    """The rows of a page, its number, and how many pages there are."""
    pages = max(1, math.ceil(len(rows) / PAGE))
    page = min(choice.page, pages - 1)
    return rows[page * PAGE : (page + 1) * PAGE], page, pages


def wanted_pictures(rows: Sequence[Any]) -> list[str]:
    """Ids of the pictures that rows show: their own, and those of what they nearly equal."""
    twins = [row.twin for row in rows if getattr(row, "twin", None) is not None]
    return list(dict.fromkeys([*(row.id for row in rows), *twins]))


def items(review: Any, rows: Sequence[Any], thumbnails: Thumbnails) -> list[Item]:
    """Rows as the browser shows them."""
    names = {row.id: row.image_name for row in review.references}
    return [item(row, names, thumbnails) for row in rows]


def item(row: Any, names: Mapping[str, str], thumbnails: Thumbnails) -> Item:
    """One reference or negative.

    Args:
        row: its review.
        names: of the references' images, by id.
        thumbnails: those that are known.
    """
    thumbnail = thumbnails.get(row.id)
    shown = {
        "id": row.id,
        "label": row.label,
        "image": row.image_name or "(file unknown)",
        "picture": thumbnail.uri if thumbnail else None,
        "drawn": row.id in thumbnails,
        "sample": thumbnail.sample_id if thumbnail else None,
    }
    if hasattr(row, "origin"):
        return shown | {"negative": True, "flags": [], "reason": _ORIGINS[row.origin]}
    return shown | {
        "flags": _flags(row, names),
        "reason": _reason(row, names),
        "drop": row.verdict == "drop",
        "nearest": row.nearest_class if row.nearest_class != row.label else None,
        "agreement": None if math.isnan(row.agreement) else round(row.agreement, 2),
        "twin": _twin(row, names, thumbnails),
    }


def _flags(row: Any, names: Mapping[str, str]) -> list[str]:
    """Why to look at a reference, in words."""
    said = []
    for mark in row.marks:
        if mark.startswith("closer to "):
            said.append(f"looks more like {row.nearest_class}")
        elif mark.startswith("near-duplicate"):
            said.append(f"almost the same as {_image_of(row.twin, names)}")
        elif mark == "weak":
            said.append("agrees little with the others of its class")
        elif mark == "outlying":
            said.append("stands out from the others of its class")
        else:
            said.append(mark)
    return said


def _reason(row: Any, names: Mapping[str, str]) -> str:
    if row.twin is not None and row.verdict == "drop":
        return f"it nearly equals {_image_of(row.twin, names)}, and one of them is enough"
    return str(row.reason)


def _twin(row: Any, names: Mapping[str, str], thumbnails: Thumbnails) -> Item | None:
    if row.twin is None:
        return None
    thumbnail = thumbnails.get(row.twin)
    return {
        "image": _image_of(row.twin, names),
        "picture": thumbnail.uri if thumbnail else None,
    }


def _image_of(reference: str | None, names: Mapping[str, str]) -> str:
    name = names.get(reference or "")
    return f"one in {name}" if name else "another one"


def class_counts(review: Any) -> list[list[Any]]:
    """Name, references and flagged ones of each class, in the bank's order."""
    all_of = Counter(row.label for row in review.references)
    flagged = Counter(row.label for row in review.references if row.marks)
    return [[name, all_of[name], flagged[name]] for name in review.classes]
