"""Loading ahead: order, failures, and how far."""

from __future__ import annotations

import threading

import pytest

from fiftyone_ntt.core.prefetch import prefetched


@pytest.mark.parametrize("ahead", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_every_item_once_and_in_order(count: int, ahead: int) -> None:
    found = [
        (item, loaded.result())
        for item, loaded in prefetched(range(count), lambda item: item**2, ahead)
    ]
    assert found == [(item, item**2) for item in range(count)]


@pytest.mark.parametrize("ahead", [1, 3])
def test_no_further_ahead_than_asked(ahead: int) -> None:
    begun: list[int] = []
    for item, loaded in prefetched(range(10), begun.append, ahead):
        loaded.result()
        assert max(begun) <= item + ahead


def test_as_many_at_a_time_as_asked() -> None:
    together = threading.Barrier(3, timeout=10)
    for _, loaded in prefetched(range(3), lambda _: together.wait(), 3):
        loaded.result()


def test_a_failure_is_the_items_own() -> None:
    def load(item: int) -> float:
        return 1 / item

    outcomes = [loaded.exception() for _, loaded in prefetched([1, 0, 2], load)]
    assert [type(outcome) for outcome in outcomes] == [type(None), ZeroDivisionError, type(None)]
