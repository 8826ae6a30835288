"""How often a bank's review marks references that were spoilt on purpose, and good ones.

With FIFTYONE_NTT_SWEEPS set (`make test-long`) it also prints what other thresholds would mark,
which takes up to a minute, and of which nothing is asserted.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest

import fiftyone_ntt as ntt
from fiftyone_ntt.core import bank_review
from fiftyone_ntt.core.bank import MemoryBank, PatchStatistics, ReferenceSet, join_reference_sets
from fiftyone_ntt.core.bank_review import review_bank
from fiftyone_ntt.core.prototypes import build_bank
from fiftyone_ntt.core.windows import Reference
from fiftyone_ntt.demo.object_classes import NOVEL_CLASSES
from fiftyone_ntt.demo.scenes import generate_scene

NAMES = tuple(kind.name for kind in NOVEL_CLASSES)
POOL, SHOTS, TRIALS = 30, (5, 10), 20
FIRST_SEED = 2_000_000
MARKS = ("weak", "outlying", "closer", "near-duplicate")
Spoil = Callable[[Reference, np.random.Generator], Reference]


def reference(name: str, image: np.ndarray, mask: np.ndarray) -> Reference:
    rows, columns = np.nonzero(mask)
    x, y = int(columns.min()), int(rows.min())
    box = (x, y, int(columns.max()) + 1 - x, int(rows.max()) + 1 - y)
    return Reference(name, image, box, mask)


def drawn() -> dict[str, list[Reference]]:
    """Objects of at least 32 px per class, from the demo's scenes."""
    pool: dict[str, list[Reference]] = {name: [] for name in NAMES}
    seed = FIRST_SEED
    while min(map(len, pool.values())) < POOL:
        scene = generate_scene(NOVEL_CLASSES, seed)
        for mask, label in zip(scene.masks, scene.labels, strict=True):
            found = reference(f"{label} {len(pool[label])}", scene.image, mask)
            if min(found.box[2:]) >= 32 and len(pool[label]) < POOL:
                pool[label].append(found)
        seed += 1
    return pool


def moved(found: Reference, rng: np.random.Generator) -> Reference:
    """The same object labelled again: up to 3 px aside, its box another 2, in a noisier copy."""
    shift = np.array([[1, 0, rng.integers(-3, 4)], [0, 1, rng.integers(-3, 4)]], np.float32)
    size = found.mask.shape[::-1]
    image = cv2.warpAffine(found.image, shift, size, borderMode=cv2.BORDER_REFLECT)
    noisy = np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    again = reference(found.id, noisy, cv2.warpAffine(found.mask.astype(np.uint8), shift, size) > 0)
    x, y, width, height = again.box
    dx, dy = rng.integers(-2, 3, 2).tolist()
    return replace(again, box=(x + dx, y + dy, width, height))


def blurred(found: Reference, _: np.random.Generator) -> Reference:
    return replace(found, image=cv2.GaussianBlur(found.image, (0, 0), 5))


def tiny(found: Reference, _: np.random.Generator) -> Reference:
    """The picture at an eighth of its size: objects of 4 to 16 px."""
    height, width = (side // 8 for side in found.mask.shape)
    image = cv2.resize(found.image, (width, height), interpolation=cv2.INTER_AREA)
    share = cv2.resize(found.mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return reference(found.id, image, share >= 0.5 * share.max())


def misplaced(found: Reference, _: np.random.Generator) -> Reference:
    """The mask half a picture away, on whatever is there."""
    return reference(found.id, found.image, np.roll(found.mask, (128, 128), (0, 1)))


SPOILS: dict[str, Spoil] = {
    "copied": lambda found, _: found,
    "labelled twice": moved,
    "blurred": blurred,
    "tiny": tiny,
    "misplaced": misplaced,
}
BESIDE = ("copied", "labelled twice")
"""Kinds whose original is in the bank too."""


def encoded(pool: dict[str, list[Reference]]) -> dict[str, dict[str, ReferenceSet]]:
    """Rows of every object, as it is (`good`) and spoilt in each way, by class."""
    encoder = ntt.load_models("demo").encoder
    rng = np.random.default_rng(0)
    ways: dict[str, Spoil] = {"good": lambda found, _: found, **SPOILS}
    found = {}
    for way, spoil in ways.items():
        bank = build_bank({k: [spoil(item, rng) for item in v] for k, v in pool.items()}, encoder)
        rows = bank.references
        found[way] = {
            name: rows.rows(np.flatnonzero(rows.classes == index).tolist())
            for index, name in enumerate(NAMES)
        }
    return found


Planted = tuple[MemoryBank, set[str], set[str]]
"""A bank, the ids of its spoilt references, and those of their originals."""


def planted(
    rows: dict[str, dict[str, ReferenceSet]], way: str, shots: int, rng: np.random.Generator
) -> Planted:
    """A bank of `shots` references per class, one of which is spoilt unless `way` is `good`."""
    parts, spoilt, originals = [], set(), set()
    for index, name in enumerate(NAMES):
        chosen = rng.permutation(POOL)[: shots + 1].tolist()
        good = rows["good"][name].rows(chosen[:shots])
        if way == "good":
            parts.append(good)
            continue
        other = NAMES[(index + int(rng.integers(1, len(NAMES)))) % len(NAMES)]
        source = rows["good"][other] if way == "wrong class" else rows[way][name]
        bad = source.rows(chosen[:1] if way in BESIDE else chosen[shots:])
        bad = replace(bad, ids=(f"{name} spoilt",), classes=np.array([index]))
        spoilt.add(bad.ids[0])
        if way in BESIDE:
            originals.add(good.ids[0])
            parts.append(join_reference_sets([good, bad]))
        else:
            parts.append(join_reference_sets([good.rows(range(1, shots)), bad]))
    width = parts[0].prototypes.shape[1]
    nothing = np.zeros((len(NAMES), 4, width), np.float32)
    bank = MemoryBank(
        NAMES,
        join_reference_sets(parts),
        ReferenceSet.empty(width),
        PatchStatistics(nothing[:, 0], nothing[:, :3], nothing),
        encoder="demo",
    )
    return bank, spoilt, originals


def rates(banks: Sequence[Planted]) -> dict[str, tuple[float, float]]:
    """Per mark, and for any, the shares of spoilt and of good references that have it."""
    hits: dict[bool, list[set[str]]] = defaultdict(list)
    for bank, spoilt, originals in banks:
        for found in review_bank(bank).references:
            if found.id not in originals:
                hits[found.id in spoilt].append({mark.split(" ")[0] for mark in found.marks})
    return {
        mark: tuple(
            float(
                np.mean([mark in found or (mark == "any" and bool(found)) for found in hits[bad]])
            )
            if hits[bad]
            else np.nan
            for bad in (True, False)
        )
        for mark in (*MARKS, "any")
    }


@pytest.mark.slow
def test_marks_tell_spoilt_references_from_good_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = encoded(drawn())
    rng = np.random.default_rng(1)
    ways = ("good", "wrong class", *SPOILS)
    banks = {
        (shots, way): [planted(rows, way, shots, rng) for _ in range(TRIALS)]
        for shots in SHOTS
        for way in ways
    }
    print("\n" + f"{'% of references':<24}" + "".join(f"{mark:>16}" for mark in (*MARKS, "any")))
    found = {key: rates(value) for key, value in banks.items()}
    for (shots, way), shares in found.items():
        side = 1 if way == "good" else 0
        cells = "".join(f"{100 * share[side]:>16.1f}" for share in shares.values())
        print(f"{f'{way}, {shots} shots':<24}{cells}")
    if os.environ.get("FIFTYONE_NTT_SWEEPS"):
        for name, values in SWEEPS.items():
            _sweep(monkeypatch, name, values, banks)

    for shots in SHOTS:
        assert found[shots, "good"]["any"][1] < 0.1
        assert found[shots, "copied"]["near-duplicate"][0] == 1
        assert found[shots, "labelled twice"]["near-duplicate"][0] > 0.45
        assert found[shots, "wrong class"]["any"][0] > 0.95
        assert found[shots, "misplaced"]["any"][0] > 0.9
        assert found[shots, "blurred"]["any"][0] > 0.75
        assert found[shots, "tiny"]["any"][0] > 0.65


SWEEPS = {
    "WEAK": (0.65, 0.7, 0.75, 0.8),
    "DUPLICATE": (0.98, 0.985, 0.99, 0.995),
    "OUTLYING": (2.5, 3.5, 5.0),
    "SPREAD": (0.001, 0.02, 0.04, 0.06),
}
_MARK_OF = {"WEAK": "weak", "DUPLICATE": "near-duplicate", "OUTLYING": "outlying"}


def _sweep(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    values: Sequence[float],
    banks: dict[tuple[int, str], list[Planted]],
) -> None:
    mark = _MARK_OF.get(name, "outlying")
    print("\n" + f"{f'% {mark} at {name} =':<24}" + "".join(f"{value:>16}" for value in values))
    columns = []
    for value in values:
        with monkeypatch.context() as patch:
            patch.setattr(bank_review, name, value)
            columns.append({key: rates(found)[mark] for key, found in banks.items()})
    for key in banks:
        side = 1 if key[1] == "good" else 0
        cells = "".join(f"{100 * column[key][side]:>16.1f}" for column in columns)
        print(f"{f'{key[1]}, {key[0]} shots':<24}{cells}")
