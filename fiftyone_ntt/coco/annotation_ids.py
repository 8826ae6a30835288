"""Ids of images and annotations: all of one type, and of each annotation its own."""

from __future__ import annotations

import itertools
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

import numpy as np

from fiftyone_ntt.coco.findings import Findings, Record
from fiftyone_ntt.coco.json_files import as_whole_number

_Id = int | str


def one_type(keys: Collection[_Id], kind: str, findings: Findings) -> dict[_Id, _Id] | None:
    """Ids that are numbers or texts, all of them: where both occur, texts of numbers count as
    those. None where they are of one type.

    Args:
        keys: the ids, each once.
        kind: what they are of, as in "image".
        findings: told of what was matched.
    """
    texts = [key for key in keys if isinstance(key, str)]
    if not texts or len(texts) == len(keys):
        return None
    findings.note(
        "ids written as text beside numbers or the other way round, matched",
        f"{kind} {texts[0]!r}",
        len(texts),
    )
    spelled = {key: as_whole_number(key) for key in texts}
    numbers = {key: number for key, number in spelled.items() if number is not None}
    if len(numbers) < len(texts):
        return {key: str(key) for key in keys}
    return {key: numbers[key] if isinstance(key, str) else key for key in keys}


class OwnIds:
    """Gives each annotation an id that no other has, unless it is the same one listed again, as in
    files that repeat references.

    Args:
        keys: the annotations' ids, None for one without; of numbers 8 bytes each are held.
        findings: told of ids of both types.
    """

    def __init__(self, keys: Iterable[_Id | None], findings: Findings) -> None:
        self._numbers, texts = array("q"), Counter[str]()
        for key in keys:
            if isinstance(key, str):
                texts[key] += 1
            elif key is not None:
                self._numbers.append(key)
        self._new = None
        if texts and self._numbers:
            self._new = one_type([*texts, *dict.fromkeys(self._numbers)], "annotation", findings)
        if self._new:
            again: Iterator[_Id] = itertools.chain(texts.elements(), self._numbers)
            counts = Counter(self._new[key] for key in again)
            self._repeated = {key for key, count in counts.items() if count > 1}
        else:
            values, times = np.unique(np.asarray(self._numbers), return_counts=True)
            self._repeated = {*values[times > 1].tolist()}
            self._repeated |= {key for key, count in texts.items() if count > 1}

    @property
    def renumbers(self) -> bool:
        """Whether some id occurs more than once."""
        return bool(self._repeated)

    def given(self, annotations: Iterable[Record], findings: Findings) -> Iterator[Record]:
        """The annotations with those ids.

        Args:
            annotations: those whose ids were seen, in the same order.
            findings: told of ids that are made, and of annotations that are the same.
        """
        if not self._new and not self._repeated:
            yield from annotations
            return
        new = self._new or {}
        taken = {new.get(key, key) for key in self._numbers} if self._repeated else set()
        taken |= set(new.values())
        free = (number for number in itertools.count(1) if number not in taken)
        first: dict[_Id, Record] = {}
        for given in annotations:
            key = given.get("id")
            row = {**given, "id": new[key]} if key in new else given
            yield self._own(row, first, free, findings)

    def _own(
        self, row: Record, first: dict[_Id, Record], free: Iterator[int], findings: Findings
    ) -> Record:
        key = row.get("id")
        known = first.setdefault(key, row) if key in self._repeated else row
        if known is row:
            return row
        if known == row:
            findings.note("annotations listed twice, kept twice", f"annotation {key}")
            return row
        findings.note(
            "annotation ids that other annotations have, numbered anew", f"annotation {key}"
        )
        number = next(free)
        return {**row, "id": f"{key}-{number}" if isinstance(key, str) else number}
