"""Work in batches that fit the memory there is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from fiftyone_ntt.errors import ModelError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_SPARE = 0.8
"""Share of a GPU's free memory to plan with; the rest is for what fragments and for others."""


def in_batches(
    count: int, at_once: int, work: Callable[[int, int], Result], what: str
) -> list[Result]:
    """Work on `count` items in order, in smaller batches from where memory runs out.

    Args:
        count: of items.
        at_once: items per batch to begin with, at least 1.
        work: called with the first item and the one after the last; again with fewer items after
            `torch.OutOfMemoryError`.
        what: the items, for messages.

    Raises:
        ModelError: memory does not suffice for one.
    """
    results: list[Result] = []
    start = 0
    while start < count:
        stop = min(start + at_once, count)
        try:
            results.append(work(start, stop))
        except torch.OutOfMemoryError as error:
            if stop - start == 1:
                raise ModelError(
                    f"The device's memory does not suffice for one of the {what}: {error} Free "
                    "memory there, or use smaller models, precision='bfloat16' or device='cpu'."
                ) from error
            at_once = (stop - start) // 2
            logger.warning("out of memory: going on with %d %s at once", at_once, what)
        else:
            start = stop
            continue
        # Only here: in the handler, the error's frames still held what ran out.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return results


def fitting(device: torch.device, bytes_each: int) -> int:
    """How many items of a size fit a GPU's free memory, at least 1."""
    if device.type != "cuda":
        return 2**31
    free, _ = torch.cuda.mem_get_info(device)
    # What torch keeps for reuse counts as taken there.
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return max(1, int(_SPARE * (free + kept)) // bytes_each)
