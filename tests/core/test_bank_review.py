"""Weak, outlying and duplicate references, and classes that are alike."""

from __future__ import annotations

import numpy as np

from fiftyone_ntt.core.bank import MemoryBank, PatchStatistics, ReferenceSet
from fiftyone_ntt.core.bank_review import BankReview, review_bank
from fiftyone_ntt.core.plane import fit_plane


def review(rows: dict[str, list[list[float]]]) -> BankReview:
    """Of a bank with these prototypes per class; ids are class and number."""
    vectors = np.array([row for group in rows.values() for row in group], np.float32)
    classes = np.array([i for i, group in enumerate(rows.values()) for _ in group])
    ids = tuple(f"{name}{i}" for name, group in rows.items() for i in range(len(group)))
    ones = np.ones(len(ids), np.float32)
    count, width = len(rows), vectors.shape[1]
    nothing = np.zeros((count, 4, width), np.float32)
    return review_bank(
        MemoryBank(
            tuple(rows),
            ReferenceSet(ids, classes, vectors, ones, vectors, ones.astype(np.int64)),
            ReferenceSet.empty(width),
            PatchStatistics(nothing[:, 0], nothing[:, :3], nothing),
            encoder="e",
        )
    )


def marks(found: BankReview) -> dict[str, tuple[str, ...]]:
    return {reference.id: reference.marks for reference in found.references if reference.marks}


def test_a_good_bank_has_no_marks():
    found = review({"a": [[1, 0.2, 0], [1, 0, 0.2]], "b": [[0, 1, 0.2], [0.2, 1, 0]]})
    assert marks(found) == {}
    assert all(reference.nearest_class == reference.label for reference in found.references)


def test_a_mislabelled_reference_is_weak_and_closer_to_its_true_class():
    found = review(
        {
            "a": [[1, 0.2, 0], [1, 0, 0.2], [1, 0.2, 0.2], [0, 1, 0]],
            "b": [[0, 1, 0.2], [0.2, 1, 0]],
        }
    )
    assert marks(found) == {"a3": ("weak", "outlying", "closer to b")}


def test_near_duplicates_name_the_first_of_them():
    found = review({"a": [[1, 0.2, 0], [0.2, 1, 0], [2, 0.4, 0]]})
    assert "near-duplicate of a0" in marks(found)["a2"]
    assert "a0" not in marks(found)


def test_the_only_reference_of_a_class_has_no_agreement():
    found = review({"a": [[1, 0]], "b": [[0, 1]]})
    assert np.isnan(found.references[0].agreement)
    assert marks(found) == {}


def test_confused_classes_come_most_alike_first():
    found = review({"a": [[1, 0]], "b": [[0, 1]], "c": [[0.1, 1]]})
    assert [pair[:2] for pair in found.confused] == [("b", "c"), ("a", "c"), ("a", "b")]
    np.testing.assert_allclose(np.diag(found.similarity), 1, atol=1e-6)


def test_points_are_the_references_in_their_plane():
    found = review({"a": [[3, 4, 0], [1, 0, 0]], "b": [[0, 0, 1]]})
    units = np.array([[0.6, 0.8, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    np.testing.assert_allclose(found.points, fit_plane(units).project(units), atol=1e-6)
