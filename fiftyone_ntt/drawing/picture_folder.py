"""A folder of pictures of predictions, with an index page that opens without a server."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from fiftyone_ntt.core.plain_names import own_name
from fiftyone_ntt.core.settings import Mode
from fiftyone_ntt.drawing.overlays import Pixels, class_colours, png_content
from fiftyone_ntt.drawing.picture_page import PageEntry, picture_page
from fiftyone_ntt.drawing.prediction_sheet import DrawnImage, draw_sheet
from fiftyone_ntt.errors import InputError
from fiftyone_ntt.store.atomic import make_folder, require_writable, write_atomically
from fiftyone_ntt.store.own_files import PICTURES_PAGE, PREDICTIONS_PICTURE, PREDICTIONS_TEXT

INDEX = "index.html"
_THUMBNAILS = "thumbnails"
_SECONDS = 10.0
"""Between two pages of an unfinished run: each is written as a whole."""


def default_picture_threshold(mode: Mode) -> float:
    """From which score on predictions are drawn where nobody says.

    The published scripts draw from 0.4 on. Scores of `"best"` are smaller, as they count the mask's
    quality and the next class too: 0.25 draws about as many. To change either, change it here.
    """
    return 0.25 if mode == "best" else 0.4


@dataclass(frozen=True)
class PictureSettings:
    """Which pictures are drawn, and where.

    Attributes:
        folder: made if need be, but not the one it lies in.
        threshold: predictions of at least this score are drawn, 0..1.
        every: each how manyth image is drawn, at least 1; the first is.

    Raises:
        InputError: a number outside of its range.
    """

    folder: Path
    threshold: float
    every: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:  # NaN fails this too
            raise InputError(
                f"the threshold of the pictures is {self.threshold}, but scores lie in 0..1. Usual "
                f"is {default_picture_threshold('paper')}."
            )
        if self.every < 1:
            raise InputError(
                f"every is {self.every}, but it counts images. Pass 1 for all, 10 for each tenth."
            )

    def prepare(self) -> None:
        """Make the folder, before work is spent on what goes there.

        Raises:
            StoreError: it cannot be made, or another's file has the index page's name.
        """
        make_folder(self.folder)
        make_folder(self.folder / _THUMBNAILS)
        require_writable(self.folder / INDEX, PICTURES_PAGE)


class PictureFolder:
    """Draws pictures, keeps those that are there already, and shows them all on one page.

    Args:
        settings: where, and which.
        classes: all that may occur; each has one colour on all pictures.

    Raises:
        StoreError: see `PictureSettings.prepare`.
    """

    def __init__(self, settings: PictureSettings, classes: Sequence[str]) -> None:
        settings.prepare()
        self._settings = settings
        self._colours = class_colours(classes)
        self._entries: dict[str, PageEntry] = {}
        self._saved = -_SECONDS

    def require_free(self, titles: Iterable[str]) -> None:
        """Check that no other file has the name of an image's picture.

        Raises:
            StoreError: one has.
        """
        for title in titles:
            for path in self._paths(title):
                require_writable(path, PREDICTIONS_PICTURE)

    def add(self, drawn: DrawnImage, read: Callable[[], Pixels]) -> bool:
        """Draw an image, unless its very picture is there.

        Args:
            drawn: what to draw.
            read: gives its pixels.

        Returns:
            Whether it was drawn now.

        Raises:
            InputError: whatever `read` raises.
            StoreError: the picture cannot be written, or is another's file.
        """
        shown = drawn.at_least(self._settings.threshold)
        path, small = self._paths(drawn.title)
        digest = shown.digest(self._colours)
        new = not _digest(path) == _digest(small) == digest
        if new:
            sheet, thumbnail = draw_sheet(shown, read(), self._colours)
            for place, pixels in ((small, thumbnail), (path, sheet)):
                content = png_content(pixels, PREDICTIONS_TEXT, digest)
                write_atomically(place, content, PREDICTIONS_PICTURE)
        addresses = (place.relative_to(self._settings.folder).as_posix() for place in (path, small))
        self._entries[drawn.title] = PageEntry.of(shown, *addresses)
        return new

    def _paths(self, title: str) -> tuple[Path, Path]:
        """Of an image's picture and thumbnail."""
        name = own_name(title) + ".png"
        return self._settings.folder / name, self._settings.folder / _THUMBNAILS / name

    def save_page_at_times(self, order: Iterable[str]) -> None:
        """`save_page`, unless that was done a moment ago; for a run that goes on."""
        if time.monotonic() - self._saved >= _SECONDS:
            self.save_page(order)

    def save_page(self, order: Iterable[str]) -> Path:
        """Write the page of the images added so far.

        Args:
            order: titles of these, and perhaps of others.

        Raises:
            StoreError: it cannot be written, or is another's file.
        """
        entries = [self._entries[title] for title in order if title in self._entries]
        path = self._settings.folder / INDEX
        page = picture_page(entries, self._colours, self._settings.threshold)
        write_atomically(path, page, PICTURES_PAGE)
        self._saved = time.monotonic()
        return path


def _digest(path: Path) -> str | None:
    """What a picture says is drawn there; None where there is none, or it is damaged."""
    try:
        with Image.open(path) as image:
            image.load()  # a picture cut short is drawn again
            found = image.info.get(PREDICTIONS_TEXT)
    except (OSError, SyntaxError, ValueError):
        return None
    return found if isinstance(found, str) and re.fullmatch("[0-9a-f]+", found) else None
