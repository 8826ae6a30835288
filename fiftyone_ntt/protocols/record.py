"""A benchmark on disk: one file that holds its set-up and every draw it finished."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fiftyone_ntt.errors import StoreError
from fiftyone_ntt.protocols.benchmark_checks import require_sound_benchmark
from fiftyone_ntt.protocols.draws import Draw, Setup, differences
from fiftyone_ntt.protocols.summary import describe
from fiftyone_ntt.store.atomic import write_atomically
from fiftyone_ntt.store.own_files import FileKind
from fiftyone_ntt.store.own_json import read_own_json

VERSION = 1
FILE = "benchmark.json"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark, finished or not.

    Attributes:
        setup: of all draws.
        data: size in bytes of each annotation file, by part: other files are other data.
        draws: those finished.
    """

    setup: Setup
    data: dict[str, dict[str, int]]
    draws: tuple[Draw, ...] = ()

    def __str__(self) -> str:
        return describe(self)

    def with_part(self, name: str, files: dict[str, int]) -> Benchmark:
        """With the data of one more part."""
        return replace(self, data={**self.data, name: files})

    def with_draw(self, draw: Draw) -> Benchmark:
        """With one more draw, in order."""
        draws = sorted(
            (*self.draws, draw), key=lambda d: (d.part, d.shots, -1 if d.seed is None else d.seed)
        )
        return replace(self, draws=tuple(draws))

    def find(self, part: str, shots: int, seed: int | None) -> Draw | None:
        """The draw of this key, if it is finished."""
        return next((draw for draw in self.draws if draw.key == (part, shots, seed)), None)

    def save(self, folder: Path) -> Path:
        """Write `benchmark.json`; returns its path."""
        path = folder / FILE
        content = {"version": VERSION, **asdict(self)}
        write_atomically(path, json.dumps(content, indent=1).encode(), _BENCHMARK)
        return path


def load_benchmark(path: str | Path) -> Benchmark:
    """The benchmark in a file, or in a folder that holds `benchmark.json`.

    Raises:
        StoreError: no such file, or no benchmark of this version.
    """
    return read_own_json(path, FILE, VERSION, _benchmark, what="a benchmark", command="benchmark")


def _benchmark(content: dict[str, Any]) -> Benchmark:
    setup, draws = Setup(**content.pop("setup")), content.pop("draws")
    found = Benchmark(setup=setup, draws=tuple(Draw(**row) for row in draws), **content)
    require_sound_benchmark(found.setup, found.data, found.draws)
    return found


def _is_benchmark(path: Path) -> bool:
    try:
        load_benchmark(path)
    except StoreError:
        return False
    return True


_BENCHMARK = FileKind("benchmark", _is_benchmark)


def resume_benchmark(folder: Path, setup: Setup) -> Benchmark:
    """The benchmark that a folder holds, or a new one.

    Raises:
        StoreError: it holds another one, or an unreadable file.
    """
    if not (folder / FILE).exists():
        return Benchmark(setup, {})
    found = load_benchmark(folder)
    # The same models may go by another name.
    differing = differences(replace(found.setup, models=setup.models), setup)
    if differing:
        raise StoreError(
            f"{folder} holds another benchmark ({'; '.join(differing)}). Choose another --output, "
            "or repeat that one."
        )
    return found
