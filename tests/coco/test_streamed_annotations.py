"""A COCO file whose annotations are not held: read, and told of, as one that is held whole."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fiftyone_ntt.coco.findings import Findings, OnError
from fiftyone_ntt.coco.reading import (
    CocoFile,
    Crowds,
    StreamedCoco,
    coco_file,
    opened_coco,
    read_content,
    streamed_content,
)
from fiftyone_ntt.errors import InputError
from tests.coco.files import annotation, content, rectangle, write
from tests.mutations import each_mutation, mutated_bytes, mutated_json

BOX = rectangle(5, 6, 20, 9)
_ROW = annotation(4, 1, 7, **BOX)
CONTENTS: dict[str, list[Any]] = {
    "right": [_ROW, annotation(5, 2, 3, **BOX)],
    "none": [],
    "ids twice": [_ROW, annotation(4, 2, 3, **BOX), annotation(1, 1, 3, **BOX), _ROW],
    "texts twice": [{**_ROW, "id": "a"}, {**_ROW, "id": "a", "area": 3}, {**_ROW, "id": "b"}],
    "ids of both types": [_ROW, {**_ROW, "id": "4"}, {**_ROW, "id": "7"}],
    "texts beside numbers": [_ROW, {**_ROW, "id": "x"}, {**_ROW, "id": "x", "area": 2}],
    "no ids": [{key: value for key, value in _ROW.items() if key != "id"}] * 2,
    "crowds": [{**_ROW, "iscrowd": 1}, annotation(5, 2, 3, **BOX, iscrowd="1")],
    "faults": [None, {**_ROW, "image_id": 9}, {**_ROW, "category_id": "7"}, {**_ROW, "bbox": [1]}],
}
Read = Callable[[Path, Findings, Crowds], CocoFile | StreamedCoco]


def held(path: Path, findings: Findings, crowds: Crowds) -> CocoFile:
    return coco_file(path, read_content(path), findings, crowds=crowds)


def streamed(path: Path, findings: Findings, crowds: Crowds) -> CocoFile | StreamedCoco:
    return opened_coco(path, streamed_content(path), findings, crowds=crowds)


def told(read: Read, path: Path, on_error: OnError, crowds: Crowds) -> Any:
    """All that a reader says and gives; everything twice, as it is asked for in several passes."""
    findings = Findings(on_error)
    try:
        file = read(path, findings, crowds)
    except InputError as error:
        return str(error), findings.lines()
    rows = list(file.annotations)
    assert repr(rows) == repr(list(file.annotations))
    lists = file.images, file.categories, file.category_records, file.same_categories
    return repr((rows, lists)), findings.lines(), list(map(str, findings.skipped))


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("crowds", ["ignore", "objects"])
def test_rows_of_all_kinds(tmp_path: Path, name: str, crowds: Crowds) -> None:
    path = write(tmp_path / "a.json", content([1, 2], CONTENTS[name]))
    assert isinstance(streamed(path, Findings("skip"), crowds), StreamedCoco)
    for on_error in ("raise", "skip"):
        assert told(streamed, path, on_error, crowds) == told(held, path, on_error, crowds)


def test_damaged_files(tmp_path: Path) -> None:
    rows = [row for rows in CONTENTS.values() for row in rows]
    path, data = tmp_path / "a.json", content([1, 2], rows)

    def compare(seed: int) -> None:
        damaged = json.dumps(mutated_json(data, seed)).encode()
        if seed % 3 == 0:
            damaged = mutated_bytes(json.dumps(data).encode(), seed)
        path.write_bytes(damaged)
        on_error: OnError = "raise" if seed % 2 else "skip"
        assert told(streamed, path, on_error, "objects") == told(held, path, on_error, "objects")

    each_mutation(compare, "COCO files")


def test_a_file_that_changes_meanwhile(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", content([1, 2], CONTENTS["right"]))
    file = streamed(path, Findings(), "ignore")
    os.utime(path, (1, 1))
    with pytest.raises(InputError, match=r"was changed while it was read\. Make the same call"):
        list(file.annotations)


def test_annotations_are_not_held(tmp_path: Path) -> None:
    """Run lengths of 16 MB."""
    drawn = {"size": [40, 60], "counts": "0" * 8_000}
    rows = [annotation(key, 1, 7, segmentation=drawn) for key in range(2_000)]
    path = write(tmp_path / "a.json", content([1], rows))
    tracemalloc.start()
    try:
        file = streamed(path, Findings(), "ignore")
        assert sum(1 for _ in file.annotations) == 2_000
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()
