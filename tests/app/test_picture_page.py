"""The page of pictures in a browser, opened from the disk: it sorts, and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fiftyone_ntt.drawing.picture_folder import PictureFolder, PictureSettings
from fiftyone_ntt.drawing.prediction_sheet import DrawnImage, ShownInstance

FOUND = {
    "c.png": [("dog", 0.5), ("dog", 0.45)],
    "a <b>.png": [("cat", 0.6), ("7", 0.9), ("dog", 0.7)],
    "sub/d é.png": [],
    "e.png": [("cat", 0.8)],
}


@pytest.fixture
def shown(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """The page, with all that it asked for, and all that it complained of."""
    folder = PictureFolder(PictureSettings(tmp_path / "out", 0.4), ["cat", "dog", "7"])
    for title, rows in FOUND.items():
        found = [ShownInstance(label, (5, 5, 20, 20), None, score) for label, score in rows]
        folder.add(
            DrawnImage(title, (40, 60), 1, None, found), lambda: np.full((40, 60, 3), 90, np.uint8)
        )
    index = folder.save_page(FOUND)
    page = browser.new_page()
    page.asked, page.complaints = [], []
    page.route("**/*", lambda route: (page.asked.append(route.request.url), route.continue_()))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(index.as_uri())
    yield page
    page.close()


def titles(page: Any) -> list[str]:
    return page.eval_on_selector_all(
        "figure:not([hidden])", "all => all.map(one => one.dataset.title)"
    )


def test_the_page_sorts_by_class_score_and_number(shown: Any) -> None:
    assert titles(shown) == list(FOUND)
    for order, expected in {
        "title": ["a <b>.png", "c.png", "e.png", "sub/d é.png"],
        "class": ["a <b>.png", "e.png", "c.png", "sub/d é.png"],
        "score": ["a <b>.png", "e.png", "c.png", "sub/d é.png"],
        "count": ["a <b>.png", "c.png", "e.png", "sub/d é.png"],
        "listed": list(FOUND),
    }.items():
        shown.select_option("#sort", order)
        assert titles(shown) == expected, order
    shown.select_option("#sort", "score")
    shown.check("#reverse")
    assert titles(shown)[0] == "sub/d é.png"
    shown.uncheck("#reverse")
    shown.select_option("#class", "dog")
    assert titles(shown) == ["a <b>.png", "c.png"]
    shown.select_option("#sort", "count")
    assert titles(shown) == ["c.png", "a <b>.png"]
    assert shown.locator("#shown").inner_text() == "2 shown"


def test_the_page_shows_its_thumbnails_and_asks_nobody(shown: Any, tmp_path: Path) -> None:
    shown.evaluate("Promise.all([...document.images].map(one => one.decode())).then(() => 0)")
    widths = shown.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
    assert len(widths) == 4 and all(width > 0 for width in widths)
    assert len(shown.asked) == 5
    assert all(url.startswith((tmp_path / "out").as_uri()) for url in shown.asked)
    blocked = "fetch('https://example.com').then(() => 'sent', () => 'blocked')"
    assert shown.complaints == []
    assert shown.evaluate(blocked) == "blocked"  # nor could it: its own rules forbid it
    assert not any("example.com" in url for url in shown.asked)
    shown.click("figure[data-title='sub/d é.png'] a")
    shown.wait_for_url("**/*.png")
