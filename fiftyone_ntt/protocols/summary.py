"""Mean and standard deviation over draws, beside what is published, as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fiftyone_ntt.protocols.catalogue import PROTOCOLS
from fiftyone_ntt.protocols.draws import BenchmarkDraws, Draw, differences
from fiftyone_ntt.protocols.published import PUBLISHED, PublishedScore

ALL_PARTS = "all"
"""The row of all parts together."""


@dataclass(frozen=True)
class Spread:
    """A figure over draws, in 0..1.

    Attributes:
        mean: over seeds; of all parts together, of the parts' means.
        std: over seeds (population); None for one draw, or where parts have different seeds.
    """

    mean: float
    std: float | None

    def __str__(self) -> str:
        text = f"{100 * self.mean:.1f}"
        return text if self.std is None else f"{text} ± {100 * self.std:.1f}"


@dataclass(frozen=True)
class Row:
    """The figures of one part, or of all together, with so many shots.

    Attributes:
        part: its name, or `ALL_PARTS`.
        shots: None for the mean over all shots.
        draws: how many.
        metrics: by name.
    """

    part: str
    shots: int | None
    draws: int
    metrics: dict[str, Spread]


def rows(benchmark: BenchmarkDraws) -> list[Row]:
    """By number of shots: each part, then all together; at last all shots, where that is published.

    A figure that one of a row's draws lacks is left out of it.
    """
    draws = benchmark.draws
    counts = sorted({draw.shots for draw in draws})
    parts = list(dict.fromkeys(draw.part for draw in draws))
    found = []
    for shots in counts:
        of_shots = [draw for draw in draws if draw.shots == shots]
        if len(parts) > 1:
            found += [
                _row(part, shots, [draw for draw in of_shots if draw.part == part])
                for part in parts
                if any(draw.part == part for draw in of_shots)
            ]
        found.append(_row(ALL_PARTS, shots, of_shots))
    scores = PUBLISHED.get(benchmark.setup.protocol, ())
    if len(counts) > 1 and any(score.shots is None for score in scores):
        found.append(_row(ALL_PARTS, None, list(draws)))
    return found


def _row(part: str, shots: int | None, draws: list[Draw]) -> Row:
    names = [n for n in draws[0].metrics if all(n in draw.metrics for draw in draws)]
    return Row(part, shots, len(draws), {name: _spread(draws, name) for name in names})


def _spread(draws: Sequence[Draw], name: str) -> Spread:
    """Groups (parts, shots) weigh alike, however many seeds they have."""
    groups: dict[tuple[str, int], dict[int | None, float]] = {}
    for draw in draws:
        groups.setdefault((draw.part, draw.shots), {})[draw.seed] = draw.metrics[name]
    mean = float(np.mean([np.mean(list(group.values())) for group in groups.values()]))
    seeds = {frozenset(group) for group in groups.values()}
    if len(seeds) > 1 or len(next(iter(seeds))) < 2:
        return Spread(mean, None)
    of_seed = [np.mean([g[seed] for g in groups.values()]) for seed in next(iter(seeds))]
    return Spread(mean, float(np.std(of_seed)))


def published_score(protocol: str, row: Row, metric: str) -> PublishedScore | None:
    """What is published of this row, if anything is."""
    scores = [s for s in PUBLISHED.get(protocol, ()) if s.metric == metric]
    return next((s for s in scores if row.part == ALL_PARTS and s.shots == row.shots), None)


def describe(benchmark: BenchmarkDraws) -> str:
    """A table of the headline figures, in percent, beside the published ones."""
    setup, protocol = benchmark.setup, PROTOCOLS[benchmark.setup.protocol]
    lines = [
        f"{protocol.name}: {protocol.text}",
        f"models {setup.models}, {setup.points_per_side} points per side, mode {setup.mode}, "
        + (f"{setup.crops} crops, " if setup.crops else "")
        + f"{setup.boxes} boxes"
        + ("" if setup.confidence_threshold is None else f", mIoU at {setup.confidence_threshold}"),
    ]
    head = f"{'':<18}{'draws':>6}"
    for metric in protocol.headline:
        head += f"{metric:>14}{'published':>14}"
    lines.append(head)
    for row in rows(benchmark):
        label = "all shots" if row.shots is None else f"{row.shots}-shot"
        if row.part != ALL_PARTS:
            label = f"  {row.part}"
        line = f"{label:<18}{row.draws:>6}"
        for metric in protocol.headline:
            published = published_score(protocol.name, row, metric)
            line += f"{row.metrics.get(metric, '-')!s:>14}{published or '-'!s:>14}"
        lines.append(line)
    return "\n".join([*lines, *_notes(benchmark)])


def _notes(benchmark: BenchmarkDraws) -> list[str]:
    setup, protocol = benchmark.setup, PROTOCOLS[benchmark.setup.protocol]
    notes = list(protocol.notes)
    if protocol.name in PUBLISHED:
        missing = sorted(set(protocol.parts) - {draw.part for draw in benchmark.draws})
        if missing:
            notes.append(f"Published figures are of all parts; not run: {', '.join(missing)}.")
        chosen = (setup.models, setup.points_per_side, setup.mode, setup.crops)
        if chosen != ("paper", 32, "paper", 0):
            notes.append(
                "Published figures are of the models `paper`, 32 points per side and mode `paper`."
            )
    if setup.models == "demo":
        notes.append(
            "The demo models know generated scenes alone: these figures say nothing about the "
            "method on real images."
        )
    repeated = {name for draw in benchmark.draws for name in draw.repeated}
    if repeated:
        notes.append(f"{len(repeated)} classes have too few references; those are repeated.")
    return notes


def compare(first: BenchmarkDraws, second: BenchmarkDraws) -> str:
    """One line per figure that two benchmarks share, in percent; differences of set-up on top."""
    lines = differences(first.setup, second.setup)
    if {draw.key for draw in first.draws} != {draw.key for draw in second.draws}:
        lines.append("their parts, shots or seeds differ")
    others = {(row.part, row.shots): row for row in rows(second)}
    for row in rows(first):
        other = others.get((row.part, row.shots))
        label = f"{'all shots' if row.shots is None else f'{row.shots}-shot'} "
        label += "" if row.part == ALL_PARTS else f"{row.part} "
        for metric, spread in row.metrics.items():
            if other is not None and metric in other.metrics:
                change = 100 * (other.metrics[metric].mean - spread.mean)
                name = f"{label}{metric}"
                lines.append(
                    f"{name:<32}{spread!s:>14} -> {other.metrics[metric]!s:<14}{change:+.1f}"
                )
    return "\n".join(lines)
