"""The rule by which references are chosen: order, borders, one per image, too few."""

from __future__ import annotations

import pytest

from fiftyone_ntt.core.sampling import Candidate, choose, fits
from fiftyone_ntt.errors import InputError

Row = Candidate[int]


def rows(images: list[str]) -> list[Row]:
    return [Candidate(key, image, (float(key), 0, 1, 1)) for key, image in enumerate(images)]


def keys(
    candidates: list[Row],
    shots: int,
    seed: int = 33,
    *,
    only: set[int] | None = None,
    too_few: str = "fewer",
) -> list[int]:
    def qualifies(candidate: Row) -> bool:
        return only is None or candidate.key in only

    chosen = choose(candidates, shots, seed, "boat", qualifies, too_few)  # type: ignore[arg-type]
    return [candidate.key for candidate in chosen]


TEN = rows([f"{index}.jpg" for index in range(10)])


def test_the_choice_is_written_down() -> None:
    """A change of these numbers changes every published choice of this project."""
    assert keys(TEN, 4) == [8, 4, 7, 2]
    assert keys(TEN, 4, seed=34) == [4, 7, 9, 3]


def test_the_order_of_the_candidates_does_not_matter() -> None:
    assert keys(TEN[::-1], 10) == keys(TEN, 10)
    assert sorted(keys(TEN, 10)) == list(range(10))


def test_one_per_image() -> None:
    chosen = keys(rows(["a", "a", "a", "b", "b"]), 5)
    assert len(chosen) == 2 and {index < 3 for index in chosen} == {True, False}


@pytest.mark.parametrize(
    ("only", "too_few", "expected"),
    [
        ({1, 2}, "fewer", [2, 1]),
        ({1, 2}, "repeat", [2, 1, 2, 1, 2]),
        (set(), "fewer", []),
        (set(), "repeat", keys(TEN, 5)),
    ],
)
def test_too_few(only: set[int], too_few: str, expected: list[int]) -> None:
    assert keys(TEN, 5, only=only, too_few=too_few) == expected


def test_a_class_without_objects() -> None:
    assert keys([], 3, too_few="repeat") == []


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((10, 10, 32, 32), True),
        ((9.9, 10, 32, 32), False),
        ((10, 10, 31.9, 60), False),
        ((58, 158, 32, 32), True),
        ((58.1, 158, 32, 32), False),
        ((58, 158.1, 32, 32), False),
    ],
)
def test_what_fits_an_image_of_200_by_100(box: tuple, expected: bool) -> None:
    assert fits(box, (200, 100)) is expected


@pytest.mark.usefixtures("unchecked")
def test_refusals() -> None:
    with pytest.raises(InputError, match="shots is 0"):
        keys(TEN, 0)
    with pytest.raises(InputError, match=r"too_few is 'more'\. Pass 'fewer' or 'repeat'"):
        keys(TEN, 1, too_few="more")
