"""The memory bank: what is remembered of the references, and the prototypes made of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64

from fiftyone_ntt.core.calibration import Calibration
from fiftyone_ntt.errors import InputError, StoreError

NEGATIVE_ORIGINS = ("mined", "tagged", "background", "rejected")
"""Where negative references come from: the bank's own mistakes, labels tagged by hand, what
surrounds the references, and predictions that somebody rejected. Others were handed over with the
references."""
_HELD = 16_000_000
"""Numbers of the references that are left out in turn, at once: 64 MB."""
_GIVEN = "given"


@dataclass(frozen=True, eq=False)
class ReferenceSet:
    """The references (or the negative references) of a bank, one row each.

    Attributes:
        ids: what the user calls each reference, `R` strings.
        classes: index of the class each belongs to.
        prototypes: weighted mean of each reference's patch tokens (method 2).
        weights: the sum of those weights, in patches.
        patch_means: plain mean over the patches of weight > 0.
        patch_counts: how many such patches.
        image_names: file name of the image that each lies on, without its folder; "" where unknown,
            as in banks of earlier versions. All unknown when left out.
    """

    ids: tuple[str, ...]
    classes: Int64[np.ndarray, " R"]
    prototypes: Float32[np.ndarray, "R C"]
    weights: Float32[np.ndarray, " R"]
    patch_means: Float32[np.ndarray, "R C"]
    patch_counts: Int64[np.ndarray, " R"]
    image_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_names", self.image_names or ("",) * len(self.ids))
        if len(self.image_names) != len(self.ids):
            raise InputError(
                f"{len(self.ids)} references have {len(self.image_names)} image names. Pass one "
                "for each, or none."
            )

    def __len__(self) -> int:
        """How many references."""
        return len(self.ids)

    @staticmethod
    def empty(width: int) -> ReferenceSet:
        """No references, of tokens `width` wide."""
        nothing = np.zeros((0, width), dtype=np.float32)
        indices = np.zeros(0, dtype=np.int64)
        return ReferenceSet((), indices, nothing, np.zeros(0, np.float32), nothing, indices)

    def rows(self, indices: Sequence[int]) -> ReferenceSet:
        """Some of them, in the order of `indices`."""
        chosen = np.asarray(indices, dtype=np.int64)
        return ReferenceSet(
            tuple(self.ids[index] for index in indices),
            self.classes[chosen],
            self.prototypes[chosen],
            self.weights[chosen],
            self.patch_means[chosen],
            self.patch_counts[chosen],
            tuple(self.image_names[index] for index in indices),
        )

    def class_means(self, count: int) -> Float32[np.ndarray, "{count} C"]:
        """Plain mean of the reference prototypes of each of `count` classes."""
        return _class_means(self.prototypes, np.ones_like(self.weights), self.classes, count)

    def foreground_means(self, count: int) -> Float32[np.ndarray, "{count} C"]:
        """Weighted mean over all foreground patches of each of `count` classes.

        A reference's prototype times its weight is the weighted sum of its patches, so the
        patches themselves need not be kept.
        """
        return _class_means(self.prototypes, self.weights, self.classes, count)


def _class_means(
    rows: Float32[np.ndarray, "R C"],
    weights: Float32[np.ndarray, " R"],
    classes: Int64[np.ndarray, " R"],
    count: int,
) -> Float32[np.ndarray, "{count} C"]:
    """Weighted mean of the rows of each of `count` classes; zeros of a class without any."""
    sums = np.zeros((count, rows.shape[1]), dtype=np.float64)
    totals = np.zeros((count, 1), dtype=np.float64)
    np.add.at(sums, classes, rows * weights[:, None].astype(np.float64))
    np.add.at(totals[:, 0], classes, weights)
    return (sums / np.maximum(totals, np.finfo(np.float64).tiny)).astype(np.float32)


def normalise(rows: Float32[np.ndarray, "*rows C"]) -> Float32[np.ndarray, "*rows C"]:
    """Rows scaled to length 1; rows of zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.maximum(lengths, 1e-12)


@dataclass(frozen=True, eq=False)
class PatchStatistics:
    """What the pictures of each class need (method 3); nothing here decides a label.

    Attributes:
        pca_mean: mean of the class's foreground patches.
        pca_components: unit rows by falling variance; zeros where a class has too few patches for a
            component.
        centres: unit spherical k-means centres; zeros likewise.
    """

    pca_mean: Float32[np.ndarray, "K C"]
    pca_components: Float32[np.ndarray, "K 3 C"]
    centres: Float32[np.ndarray, "K 4 C"]


@dataclass(frozen=True, eq=False)
class MemoryBank:
    """Classes, their references, and how they were made.

    Attributes:
        classes: the `K` class names, in the order of all class indices.
        references: the references.
        negatives: negative references (method 3), of the same classes; usually none.
        statistics: per class, for pictures.
        encoder: identity of the encoder whose tokens these are; matching refuses another's.
        models: how to get the models again, `{"encoder": spec, "segmenter": spec}`, and
            their "precision" if it is not float32.
        name: what the user calls the bank; "" if it was never named.
        notes: what the user should know of single references.
        versions: of this package, torch, transformers and numpy that built it, by name; empty if it
            was built by a version that did not note them.
        calibrations: what its scores mean, at most one for a mode and kind of proposals. Each names
            the content that it was made with: see `fiftyone_ntt.store.calibration_lookup`.

    Example:
        >>> path = bank.save("shapes.safetensors")
        >>> ntt.MemoryBank.load(path).classes
        ('fish', 'mushroom')
    """

    classes: tuple[str, ...]
    references: ReferenceSet
    negatives: ReferenceSet
    statistics: PatchStatistics
    encoder: str
    models: dict[str, str] = field(default_factory=dict)
    name: str = ""
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    calibrations: tuple[Calibration, ...] = ()

    def __repr__(self) -> str:
        """In one line: notebooks show a cell's value so."""
        parts = [f"{len(self.classes)} classes", f"{len(self.references)} references"]
        parts += [f"{len(self.negatives)} negatives"] if len(self.negatives) else []
        return f"<MemoryBank {self.name!r}: {', '.join(parts)}, of {self.encoder}>"

    def __post_init__(self) -> None:
        missing = set(range(len(self.classes))) - set(self.references.classes.tolist())
        if missing:
            names = ", ".join(self.classes[index] for index in sorted(missing))
            raise InputError(
                f"no reference shows: {names}. A class needs at least one reference; add one or "
                "leave the class out."
            )

    @property
    def width(self) -> int:
        """Token width `C`."""
        return int(self.references.prototypes.shape[1])

    @cached_property
    def prototypes(self) -> Float32[np.ndarray, "K C"]:
        """Class prototypes, unit rows: the mean of the references' (method 3)."""
        return normalise(self.references.class_means(len(self.classes)))

    @cached_property
    def foreground_prototypes(self) -> Float32[np.ndarray, "K C"]:
        """Unit means over all foreground patches of each class; used with negatives (method 5)."""
        return normalise(self.references.foreground_means(len(self.classes)))

    @cached_property
    def unit_references(self) -> Float32[np.ndarray, "R C"]:
        """Reference prototypes scaled to length 1."""
        return normalise(self.references.prototypes)

    @cached_property
    def unit_negatives(self) -> Float32[np.ndarray, "R C"]:
        """Negative references' prototypes scaled to length 1."""
        return normalise(self.negatives.prototypes)

    @cached_property
    def leave_one_out(self) -> Float32[np.ndarray, " R"]:
        """How well each reference agrees with the others of its class, 0..1 (method 3).

        NaN for the only reference of a class.
        """
        found = np.full(len(self.references), np.nan, dtype=np.float32)
        for label in np.unique(self.references.classes):
            rows = np.flatnonzero(self.references.classes == label)
            at_once = max(1, _HELD // (len(rows) * self.references.patch_means.shape[1]))
            for start in range(0, len(rows) if len(rows) > 1 else 0, at_once):
                part = np.arange(start, min(start + at_once, len(rows)))
                found[rows[part]] = self._agreement(rows, part)
        return found

    def _agreement(
        self, rows: Int64[np.ndarray, " M"], part: Int64[np.ndarray, " P"]
    ) -> Float32[np.ndarray, " P"]:
        """How well some of a class's references agree with its others; `part` of its `rows`."""
        refs = self.references
        counts = refs.patch_counts[rows]
        # Row by row all members but one: the mean of each of these selections.
        others = np.arange(len(rows) - 1) + (np.arange(len(rows) - 1) >= part[:, None])
        rest = (refs.patch_means[rows] * counts[:, None])[others].sum(axis=1)
        rest = normalise((rest / counts[others].sum(axis=1)[:, None]).astype(np.float32))
        own = normalise(refs.patch_means[rows[part]])
        cosines = np.array([one @ other for one, other in zip(own, rest, strict=True)])
        return np.minimum((cosines + 1) / 2, 1)

    def class_counts(self) -> dict[str, int]:
        """References per class."""
        counts = np.bincount(self.references.classes, minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, counts, strict=True)}

    def renamed(self, name: str) -> MemoryBank:
        """The same bank under another name."""
        return replace(self, name=name)

    def with_calibration(self, calibration: Calibration) -> MemoryBank:
        """The same bank with a calibration, in place of one for the same settings.

        Example:
            >>> calibration = ntt.calibrate(view, bank, "ground_truth", points_per_side=16)
            >>> len(bank.with_calibration(calibration).calibrations)
            1
        """
        others = [known for known in self.calibrations if known.key != calibration.key]
        return replace(self, calibrations=(*others, calibration))

    @property
    def negative_origins(self) -> tuple[str, ...]:
        """Where each negative comes from: one of `NEGATIVE_ORIGINS`, or `given`."""
        return tuple(_origin(name) for name in self.negatives.ids)

    def without_negatives(
        self, origin: str | None = None, *, ids: Collection[str] | None = None
    ) -> MemoryBank:
        """The same bank without its negative references.

        Args:
            origin: only those of this origin: one of `NEGATIVE_ORIGINS`, or `given`.
            ids: only these.

        Raises:
            InputError: there is no such origin, or one of `ids` is no negative of this bank.
        """
        known = (*NEGATIVE_ORIGINS, _GIVEN)
        if origin is not None and origin not in known:
            raise InputError(
                f"negatives have no origin {origin!r}. Pass one of: {', '.join(known)}; or None "
                "for all."
            )
        names = self.negatives.ids
        if unknown := sorted(set(ids or ()) - set(names)):
            raise InputError(
                f"memory bank {self.name!r} has no negative {unknown[0]!r}. `bank.negatives.ids` "
                "lists those it has."
            )
        gone = [
            origin in (None, found) and (ids is None or name in ids)
            for name, found in zip(names, self.negative_origins, strict=True)
        ]
        removed = tuple(f"reference {name} " for name, out in zip(names, gone, strict=True) if out)
        notes = tuple(note for note in self.notes if not note.startswith(removed))
        kept = [row for row, out in enumerate(gone) if not out]
        return replace(self, negatives=self.negatives.rows(kept), notes=notes)

    def without_references(self, rows: Collection[int]) -> MemoryBank:
        """The same bank without some references; a class that has no other is gone too, and so are
        its negatives.

        Raises:
            InputError: none is left.
        """
        gone = set(rows)
        kept = [row for row in range(len(self.references)) if row not in gone]
        return self._of_classes(self.classes, self.references.rows(kept), self.statistics)

    def _of_classes(
        self, classes: tuple[str, ...], references: ReferenceSet, statistics: PatchStatistics
    ) -> MemoryBank:
        """With other references, and of some classes those that have any; their negatives stay.

        Args:
            classes: the bank's, and maybe more behind them.
            references: of these classes.
            statistics: likewise.
        """
        if not len(references):
            raise InputError(f"no reference would be left in memory bank {self.name!r}.")
        present = np.unique(references.classes)
        numbers = np.full(len(classes), -1, dtype=np.int64)
        numbers[present] = np.arange(len(present))
        negatives = self.negatives.rows(
            np.flatnonzero(numbers[self.negatives.classes] >= 0).tolist()
        )
        kept = tuple(classes[index] for index in present)
        return replace(
            self,
            classes=kept,
            references=replace(references, classes=numbers[references.classes]),
            negatives=replace(negatives, classes=numbers[negatives.classes]),
            statistics=PatchStatistics(
                statistics.pca_mean[present],
                statistics.pca_components[present],
                statistics.centres[present],
            ),
            # They have a row for each class: of other classes no file of them could be read again.
            calibrations=self.calibrations if kept == self.classes else (),
        )

    def with_class(self, rows: Collection[int], label: str) -> MemoryBank:
        """The same bank with some references in another class, which may be new; a class that has
        no other is gone.

        The pictures of the classes stay what they were, as no patches are kept; of a new class
        there are none.

        Raises:
            InputError: the class has no name.
        """
        if not label.strip():
            raise InputError("a class needs a name. Name one of the bank's, or a new one.")
        added = () if label in self.classes else (label,)
        classes = (*self.classes, *added)
        numbers = self.references.classes.copy()
        numbers[list(rows)] = classes.index(label)
        old = self.statistics
        return self._of_classes(
            classes,
            replace(self.references, classes=numbers),
            PatchStatistics(
                *(
                    np.concatenate([part, np.zeros((len(added), *part.shape[1:]), part.dtype)])
                    for part in (old.pca_mean, old.pca_components, old.centres)
                )
            ),
        )

    def save(self, path: str | Path) -> Path:
        """Write the bank to one safetensors file anyone can load; see `load`.

        Raises:
            StoreError: the folder is not there, or the file is something else than a memory bank,
                which is never replaced; or it cannot be written.
        """
        return _file_format().save(self, Path(path))

    @staticmethod
    def load(path: str | Path) -> MemoryBank:
        """The bank in a file written by `save`.

        Raises:
            StoreError: no such file, not a bank, corrupt, or of another format version.
        """
        return _file_format().load(Path(path))


@runtime_checkable
class BankFileFormat(Protocol):
    """How banks become files: known to `fiftyone_ntt.store`, which core does not import."""

    def save(self, bank: MemoryBank, path: Path) -> Path:
        """Write a bank; returns the path."""

    def load(self, path: Path) -> MemoryBank:
        """Read a bank."""


_registered_format: BankFileFormat | None = None


def register_bank_file_format(file_format: BankFileFormat) -> None:
    """Say how `MemoryBank.save` and `MemoryBank.load` do it."""
    global _registered_format
    _registered_format = file_format


def _file_format() -> BankFileFormat:
    """The one registered.

    Raises:
        StoreError: none is.
    """
    if _registered_format is None:
        raise StoreError(
            "a memory bank's file format is not loaded. Import MemoryBank from fiftyone_ntt, or "
            "fiftyone_ntt.store.bank_file, before you save or load one."
        )
    return _registered_format


def negative_id(origin: str, name: str) -> str:
    """What a negative reference is called, so that its origin can be told from it."""
    return f"{origin}:{name}"


def negative_source(name: str) -> str:
    """What a negative reference was made of: its name without the origin."""
    return name.partition(":")[2] if _origin(name) != _GIVEN else name


def _origin(name: str) -> str:
    """Where a negative reference of that name comes from."""
    origin, colon, _ = name.partition(":")
    return origin if colon and origin in NEGATIVE_ORIGINS else _GIVEN


def join_reference_sets(parts: Sequence[ReferenceSet]) -> ReferenceSet:
    """One set of the rows of several, in order; at least one part."""
    return ReferenceSet(
        ids=tuple(name for part in parts for name in part.ids),
        classes=np.concatenate([part.classes for part in parts]),
        prototypes=np.concatenate([part.prototypes for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        patch_means=np.concatenate([part.patch_means for part in parts]),
        patch_counts=np.concatenate([part.patch_counts for part in parts]),
        image_names=tuple(name for part in parts for name in part.image_names),
    )
