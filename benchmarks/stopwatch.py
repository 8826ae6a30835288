"""Seconds by stage, memory, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import torch

Target = tuple[Any, str, str]
"""An object, the name of one of its functions, and the stage that its time counts as."""


class Stopwatch:
    """Adds up seconds by stage; waits for a GPU before each reading.

    Attributes:
        seconds: by stage, in the order the stages first began.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inside = 0.0  # seconds of stages that ended inside the one that runs

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the time inside as a stage's, but for that of other stages in it."""
        self.seconds.setdefault(name, 0.0)
        before, self._inside = self._inside, 0.0
        start = now()
        try:
            yield
        finally:
            passed = now() - start
            self.seconds[name] += passed - self._inside
            self._inside = before + passed

    @contextmanager
    def timing(self, targets: list[Target]) -> Iterator[None]:
        """Counts the calls of functions, as long as it lasts."""
        with ExitStack() as stack:
            for owner, name, stage in targets:
                timed = self._timed(getattr(owner, name), stage)
                stack.enter_context(patch.object(owner, name, timed))
            yield

    def _timed(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            with self.stage(stage):
                return function(*arguments, **options)

        return timed


_clock = time.perf_counter


def count_processor_time() -> None:
    """From now on, seconds are those this process's threads computed: on a busy machine, waiting
    for the others is not counted. Means nothing on a GPU."""
    global _clock
    _clock = time.process_time


def now() -> float:
    """Seconds on a clock that only grows, once all GPU work is done."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return _clock()


def peak_memory(device: torch.device) -> float:
    """MB: the most this process ever held, of a GPU's memory or, on a CPU, in RAM."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    status = Path("/proc/self/status")
    if status.exists():
        # `getrusage` would count what the process that started this one held at that moment.
        [line] = [row for row in status.read_text().splitlines() if row.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def resident_memory() -> float:
    """MB that this process holds in RAM now."""
    return float(psutil.Process().memory_info().rss) / 1e6


def machine(device: str) -> dict[str, Any]:
    """What a measurement depends on besides the code."""
    load = [round(value, 1) for value in _load()]
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load before": load,
        "seconds": "elapsed" if _clock is time.perf_counter else "of processor time",
    }


def _load() -> tuple[float, ...]:
    return os.getloadavg() if hasattr(os, "getloadavg") else ()


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def matrix_throughput(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second of one large matrix product; the best of five."""
    side = 8192 if device.type == "cuda" else 2048
    left = torch.randn(side, side, device=device).to(dtype)
    best = float("inf")
    for _ in range(5):
        start = now()
        torch.mm(left, left)
        best = min(best, now() - start)
    return 2 * side**3 / best
