"""Work for worker processes, quick to import."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn


class OddError(Exception):
    """Cannot be made again from what it says."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)


@dataclass(frozen=True)
class Doubling:
    """Doubles numbers; negative ones fail, in four ways.

    Attributes:
        folder: where each worker leaves a file for each time it begins, and each piece.
        pause: seconds for each piece; twice as long for even ones.
    """

    folder: Path
    pause: float = 0.0

    def begin(self) -> Callable[[int], tuple[int, str]]:
        (self.folder / f"begun-{os.getpid()}").touch()
        return self.double

    def double(self, number: int) -> tuple[int, str]:
        time.sleep(self.pause * (2 - number % 2))
        with (self.folder / f"piece-{number}").open("a") as file:
            file.write("x")
        if number == -1:
            raise ValueError("minus one")
        if number == -2:
            raise OddError(2, "minus two")
        if number == -3:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == -4 and (self.folder / "piece--4").read_text() == "x":
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number, os.environ["OMP_NUM_THREADS"]


@dataclass(frozen=True)
class Failing:
    """Cannot begin, or dies of it."""

    dies: bool = False

    def begin(self) -> NoReturn:
        if self.dies:
            os._exit(7)
        raise LookupError("no model")
