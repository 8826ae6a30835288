"""Loading the next item while the current one is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


def prefetched(
    items: Sequence[Item], load: Callable[[Item], Loaded], ahead: int = 1
) -> Iterator[tuple[Item, Future[Loaded]]]:
    """Each item with what `load` makes of it; the next ones are loaded in threads.

    A failed load raises only where its future's result is asked for.

    Args:
        items: in the order wanted.
        load: called once per item, by `ahead` threads at a time.
        ahead: how many items to load beyond the current one, at least 1.
    """
    with ThreadPoolExecutor(max_workers=ahead) as loader:
        following = iter(items)
        loading = deque((item, loader.submit(load, item)) for item in islice(following, 1 + ahead))
        while loading:
            yield loading.popleft()
            loading.extend((item, loader.submit(load, item)) for item in islice(following, 1))
