"""Loading the next item while the current one is worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


def prefetched(
    items: Sequence[Item], load: Callable[[Item], Loaded]
) -> Iterator[tuple[Item, Future[Loaded]]]:
    """Each item with what `load` makes of it; one item ahead is loaded in a thread.

    A failed load raises only where its future's result is asked for.
    """
    with ThreadPoolExecutor(max_workers=1) as loader:
        ahead = [loader.submit(load, item) for item in items[:1]]
        for index, item in enumerate(items):
            current = ahead.pop()
            ahead += [loader.submit(load, following) for following in items[index + 1 : index + 2]]
            yield item, current
