"""The Review panel by keyboard, with the database's truth beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import pytest

import fiftyone_ntt as ntt
from tests.app.conftest import PICTURES, opened_page
from tests.app.driver import App
from tests.app.test_mending import OUTSIDE

FIELD, BANK = "to_review", "reviewed"
PANEL = "[data-cy=panel-content-review_panel]"
WIDTHS = {"narrow": 570, "wide": 1100}
TIMES = """
() => performance.getEntriesByName("ntt-review-key-to-crop").map((entry) => entry.duration)
"""
CLEAR = "performance.clearMeasures('ntt-review-key-to-crop')"


@pytest.fixture(scope="module")
def predicted(demo: Any) -> Iterator[Any]:
    """The scenes, with many predictions of a bank, wrong ones among them."""
    ntt.build_memory_bank(demo[:4], "ground_truth", models="demo", name=BANK)
    ntt.segment(demo, BANK, FIELD, points_per_side=16, confidence_thresh=0.05)
    yield demo
    ntt.delete_memory_bank(demo, BANK)
    demo.reload()
    for key, run in ntt.list_prediction_runs(demo).items():
        if run["field"] == FIELD:
            demo.delete_run(key)
    demo.delete_sample_field(FIELD)


@pytest.fixture(scope="module")
def tab(browser: Any, server: int, page: Any, predicted: Any) -> Iterator[App]:
    """A tab with the panel, for all tests here."""
    PICTURES.mkdir(exist_ok=True)
    with opened_page(browser, server, predicted) as opened:
        app = App(opened, PICTURES)
        app.close_panels()
        app.open_panel("review_panel")
        yield app
        if not opened.is_closed():
            app.close_panels()


@pytest.fixture
def opened(tab: App, undecided: Any) -> Iterator[App]:
    """The panel, which has the focus; nothing is decided."""
    panel = tab.page.locator(PANEL)
    field = panel.locator("[data-cy=ntt-review-field]")
    panel.get_by_role("button", name="Reload").click()
    drawn(tab)
    if field.count():  # other tests left predictions
        field.select_option(FIELD)
        drawn(tab)
    panel.get_by_text("0 decided").wait_for()
    panel.locator("[data-cy=ntt-review]").focus()
    yield tab
    if not tab.page.is_closed():
        tab.picture("end_of_review")


@pytest.fixture
def undecided(predicted: Any) -> Any:
    """Nothing is decided at first."""
    ids = predicted.values(f"{FIELD}.detections.id", unwind=True)
    ntt.undecide(predicted, FIELD, ids)
    return predicted


def drawn(app: App) -> None:
    app.page.locator(f"{PANEL} [data-cy=ntt-review-item] canvas").first.wait_for()


def current(app: App) -> str:
    """The id of the prediction that is shown."""
    item = app.page.locator(f"{PANEL} [data-cy=ntt-review-item]")
    name: str = item.get_attribute("data-name")
    return name.partition("@")[0]


def stored(dataset: Any) -> dict[str, tuple[str, list[str]]]:
    """Class and tags of the predictions, by id, as the database has them."""
    rows = dataset._sample_collection.find({}, {f"{FIELD}.detections": 1})
    return {
        str(label["_id"]): (label["label"], label.get("tags") or [])
        for row in rows
        for label in row[FIELD]["detections"]
    }


def eventually(expected: Any, found: Callable[[], Any], seconds: float = 10.0) -> float:
    """Wait for what is expected; returns for how many seconds."""
    start = time.monotonic()
    while (value := found()) != expected and time.monotonic() < start + seconds:
        time.sleep(0.02)
    assert value == expected
    return time.monotonic() - start


def press(app: App, dataset: Any, key: str, expected: tuple[str, list[str]]) -> float:
    """Press a key on the prediction that is shown; returns after how many seconds the database
    knows."""
    label_id = current(app)
    app.page.keyboard.press(key)
    return eventually(expected, lambda: stored(dataset)[label_id])


def runner_up(dataset: Any, label_id: str) -> str:
    name: str = dataset.filter_labels(FIELD, _of_id(label_id)).values(
        f"{FIELD}.detections.runner_up", unwind=True
    )[0]
    return name


def _of_id(label_id: str) -> Any:
    from bson import ObjectId
    from fiftyone import ViewField

    return ViewField("_id") == ObjectId(label_id)


def test_a_review_by_keyboard(opened: App, undecided: Any) -> None:
    page, panel = opened.page, opened.page.locator(PANEL)
    queue = [item.label_id for item in ntt.review_queue(undecided, FIELD)]
    label = {key: name for key, (name, _) in stored(undecided).items()}
    assert current(opened) == queue[0]
    saving = [
        press(opened, undecided, "a", (label[queue[0]], ["accepted"])),
        press(opened, undecided, "r", (label[queue[1]], ["rejected"])),
    ]
    assert current(opened) == queue[2]
    second = runner_up(undecided, queue[2])
    saving.append(press(opened, undecided, "s", (second, ["accepted"])))
    digits = panel.locator("[data-cy=ntt-review-digits] button").all_inner_texts()
    third = next(text for text in digits if label[queue[3]] not in text).split()
    saving.append(press(opened, undecided, third[0], (" ".join(third[1:]), ["accepted"])))
    opened.picture("review_one")

    page.keyboard.press("/")
    page.keyboard.type("oystercatcher")
    opened.picture("review_type_ahead")
    page.keyboard.press("Enter")
    eventually(("oystercatcher", ["accepted"]), lambda: stored(undecided)[queue[4]])
    panel.get_by_text("5 decided").wait_for()

    page.keyboard.press("z")  # the new class, and its acceptance
    eventually((label[queue[4]], []), lambda: stored(undecided)[queue[4]])
    assert current(opened) == queue[4]
    page.keyboard.press("ArrowRight")
    assert current(opened) == queue[5]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert current(opened) == queue[3]
    panel.get_by_text("accepted", exact=True).wait_for()
    second_thought = press(opened, undecided, "r", (" ".join(third[1:]), ["rejected"]))
    saving.append(second_thought)
    press_undo(opened, undecided, queue[3], (" ".join(third[1:]), ["accepted"]))
    panel.locator("[data-cy=ntt-review-reference] canvas").wait_for()
    opened.picture("review_panel")

    times = timed_keys(page, "ArrowRight", 15)
    deciding = timed_keys(page, "a", 15)
    print(
        f"\nfrom key to crop painted: next {median(times):.0f} ms (of {len(times)}, at most "
        f"{max(times):.0f}), accept {median(deciding):.0f} ms (of {len(deciding)}, at most "
        f"{max(deciding):.0f}); in the database {1000 * median(saving):.0f} ms after the key"
    )
    assert median(saving) < 1
    assert len(times) == len(deciding) == 15
    assert median(times) < 150 and median(deciding) < 150
    panel.get_by_text("19 decided").wait_for()
    eventually(19, lambda: sum(bool(tags) for _, tags in stored(undecided).values()))


def timed_keys(page: Any, key: str, count: int) -> list[float]:
    """Milliseconds from a key to its crop on the screen, as the panel notes them."""
    page.evaluate(CLEAR)
    for _ in range(count):
        page.keyboard.press(key)
        page.wait_for_timeout(200)
    found: list[float] = page.evaluate(TIMES)
    return found


def press_undo(app: App, dataset: Any, label_id: str, expected: tuple[str, list[str]]) -> None:
    app.page.keyboard.press("z")
    eventually(expected, lambda: stored(dataset)[label_id])


def test_many_of_a_class_at_once(opened: App, undecided: Any) -> None:
    page, panel = opened.page, opened.page.locator(PANEL)
    page.keyboard.press("g")
    page.keyboard.press("1")  # the class with most predictions
    cells = panel.locator("[data-cy=ntt-review-grid] [data-name]")
    cells.first.wait_for()
    cells.last.locator("canvas").wait_for()
    count = cells.count()
    ids = [cells.nth(index).get_attribute("data-name").partition("@")[0] for index in range(count)]
    assert count > 4
    cells.nth(0).click()
    cells.nth(1).click()
    cells.nth(1).click()  # right after all
    start, end = cells.nth(2).bounding_box(), cells.nth(3).bounding_box()
    page.mouse.move(start["x"] + 20, start["y"] + 20)
    page.mouse.down()
    page.mouse.move(end["x"] + 40, end["y"] + 40, steps=5)
    opened.picture("review_drawing")
    page.mouse.up()
    panel.get_by_text("Reject these 3").wait_for()
    opened.picture("review_grid")
    page.keyboard.press("a")
    right = {key for index, key in enumerate(ids) if index not in (0, 2, 3)}

    def tagged(tag: str) -> set[str]:
        return {key for key, (_, tags) in stored(undecided).items() if tags == [tag]}

    eventually(right, lambda: tagged("accepted"))
    panel.get_by_text("Reject these 3").wait_for()  # they are marked still
    page.keyboard.press("r")
    eventually({ids[index] for index in (0, 2, 3)}, lambda: tagged("rejected"))
    page.keyboard.press("z")
    page.keyboard.press("z")
    eventually((set(), set()), lambda: (tagged("accepted"), tagged("rejected")))
    page.keyboard.press("g")
    drawn(opened)


def test_references_and_negatives_of_the_bank(opened: App, undecided: Any) -> None:
    page, panel = opened.page, opened.page.locator(PANEL)

    def counts() -> tuple[int, int]:
        bank = ntt.load_memory_bank(undecided, BANK)
        return len(bank.references), len(bank.negatives)

    references, negatives = counts()
    page.keyboard.press("f")
    page.keyboard.press("n")
    eventually((references + 1, negatives + 1), counts, 60)
    panel.get_by_text(f"A negative of “{BANK}” now").wait_for()
    page.keyboard.press("z")
    page.keyboard.press("z")
    eventually((references, negatives), counts, 60)
    eventually(0, lambda: sum(bool(tags) for _, tags in stored(undecided).values()))


def test_keys_are_fiftyone_s_outside_the_panel(opened: App, undecided: Any) -> None:
    page = opened.page
    search = page.locator("[data-cy=operators-browser]")
    page.keyboard.press("`")
    page.wait_for_timeout(500)
    assert not search.count()
    page.locator("[data-cy=entry-counts]").first.click()
    page.keyboard.press("a")
    page.keyboard.press("`")
    search.first.wait_for()
    page.keyboard.press("Escape")
    assert not any(tags for _, tags in stored(undecided).values())


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_nothing_is_clipped(opened: App, mode: str) -> None:
    page, panel = opened.page, opened.page.locator(PANEL)
    page.evaluate(f"document.documentElement.dataset.muiColorScheme = '{mode}'")
    for name, width in WIDTHS.items():
        now = panel.bounding_box()["width"]
        # The panel gets half of what the sidebar leaves.
        page.set_viewport_size({"width": round(1360 + 2 * (width - now)), "height": 850})
        page.wait_for_timeout(800)
        assert abs(panel.bounding_box()["width"] - width) < 30
        opened.picture(f"review_{mode}_{name}")
        assert panel.evaluate(OUTSIDE) == []
        page.keyboard.press("g")
        panel.locator("[data-cy=ntt-review-grid] canvas").first.wait_for()
        opened.picture(f"review_{mode}_{name}_grid")
        assert panel.evaluate(OUTSIDE) == []
        page.keyboard.press("g")
        drawn(opened)
        page.set_viewport_size({"width": 1360, "height": 850})
        page.wait_for_timeout(500)


def test_a_tab_that_closes_loses_nothing(opened: App, undecided: Any) -> None:
    first = current(opened)
    opened.page.keyboard.press("a")
    second = current(opened)
    opened.page.keyboard.press("r")  # while the first is on its way
    opened.page.close(run_before_unload=False)
    eventually(
        (["accepted"], ["rejected"]),
        lambda: (stored(undecided)[first][1], stored(undecided)[second][1]),
        3,
    )
