"""The index page of a folder of pictures: one HTML file that asks nobody for anything."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from urllib.parse import quote

from fiftyone_ntt.drawing.prediction_sheet import Colours, DrawnImage
from fiftyone_ntt.store.own_files import PAGE_MARK

_PAGE = Path(__file__).with_suffix(".html")


@dataclass(frozen=True)
class PageEntry:
    """An image on the page.

    Attributes:
        title: what it is called.
        picture: address of its picture, relative to the page.
        thumbnail: likewise, of the small one.
        found: by class, how many instances are drawn and the best score, the best class first.
        annotated: how many annotations are drawn; None where there are none to compare with.
    """

    title: str
    picture: str
    thumbnail: str
    found: dict[str, tuple[int, float]]
    annotated: int | None

    @staticmethod
    def of(drawn: DrawnImage, picture: str, thumbnail: str) -> PageEntry:
        """What the page says of an image."""
        found: dict[str, tuple[int, float]] = {}
        for row in sorted(drawn.predictions, key=lambda row: -(row.score or 0.0)):
            count, best = found.get(row.label, (0, row.score or 0.0))
            found[row.label] = count + 1, best
        annotated = None if drawn.truth is None else len(drawn.truth)
        return PageEntry(drawn.title, picture, thumbnail, found, annotated)


def picture_page(entries: Sequence[PageEntry], colours: Colours, threshold: float) -> bytes:
    """The page.

    Args:
        entries: in the order in which they are shown at first.
        colours: by class.
        threshold: the least score that is drawn.
    """
    counts: dict[str, int] = dict.fromkeys(colours, 0)
    for entry in entries:
        for name, (count, _) in entry.found.items():
            counts[name] += count
    page = Template(_PAGE.read_text(encoding="utf-8")).substitute(
        summary=f"{sum(counts.values())} predictions of at least {threshold:g} on "
        f"{len(entries)} images",
        classes="\n".join(_choices(counts)),
        legend="\n".join(_chip(name, name, colours) for name in colours if counts[name]),
        images="\n".join(_image(entry, colours) for entry in entries),
    )
    return PAGE_MARK + page.encode(errors="replace")  # names of files may be no text


def _choices(counts: dict[str, int]) -> Iterator[str]:
    for name, count in counts.items():
        yield f'<option value="{html.escape(name)}">{html.escape(name)} ({count})</option>'


def _chip(name: str, text: str, colours: Colours) -> str:
    red, green, blue = colours[name]
    colour = f"#{red:02x}{green:02x}{blue:02x}"
    return f'<span class="chip"><i style="background:{colour}"></i>{html.escape(text)}</span>'


def _image(entry: PageEntry, colours: Colours) -> str:
    # As a list: in an object of JavaScript, names that are numbers come first.
    found = html.escape(json.dumps([[name, *values] for name, values in entry.found.items()]))
    chips = "".join(
        _chip(name, f"{name} x {count}, best {best:.2f}", colours)
        for name, (count, best) in entry.found.items()
    )
    truth = "" if entry.annotated is None else f", {entry.annotated} in the ground truth"
    total = sum(count for count, _ in entry.found.values())
    title = html.escape(entry.title)
    return (
        f'<figure data-title="{title}" data-found="{found}">'
        f'<a href="{quote(entry.picture)}">'
        f'<img loading="lazy" src="{quote(entry.thumbnail)}" alt="{title}"></a>'
        f"<figcaption><b>{title}</b><span>{total} found{truth}</span>{chips}</figcaption></figure>"
    )
