"""Loading ahead: order, failures, and how far."""

from __future__ import annotations

import pytest

from fiftyone_ntt.core.prefetch import prefetched


@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_every_item_once_and_in_order(count: int) -> None:
    found = [
        (item, loaded.result()) for item, loaded in prefetched(range(count), lambda item: item**2)
    ]
    assert found == [(item, item**2) for item in range(count)]


def test_one_item_ahead() -> None:
    begun: list[int] = []
    for item, loaded in prefetched(range(10), begun.append):
        loaded.result()
        assert max(begun) <= item + 1


def test_a_failure_is_the_items_own() -> None:
    def load(item: int) -> float:
        return 1 / item

    outcomes = [loaded.exception() for _, loaded in prefetched([1, 0, 2], load)]
    assert [type(outcome) for outcome in outcomes] == [type(None), ZeroDivisionError, type(None)]
