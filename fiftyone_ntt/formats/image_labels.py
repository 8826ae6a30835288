"""Formats of one label file an image: their content in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.formats.label_files import PART_SIZE, Content

_T = TypeVar("_T")
ImageLabels = tuple[Record, list[Record]]
"""An image's entry, and those of its annotations."""


def category_records(classes: Sequence[str]) -> list[Record]:
    """Categories that count from 1."""
    return [{"id": key, "name": name} for key, name in enumerate(classes, start=1)]


def content_parts(
    sources: Sequence[_T],
    categories: Sequence[Record],
    read: Callable[[_T, Findings], ImageLabels],
    findings: Findings,
) -> Iterator[Content]:
    """The content of sources of one image each.

    Args:
        sources: what each image is read from.
        categories: of all of them.
        read: gives an image's entries; raises `RecordError` where the image cannot be used.
        findings: told of those.
    """
    for start in range(0, len(sources), PART_SIZE):
        images: list[Record] = []
        annotations: list[Record] = []
        for source in sources[start : start + PART_SIZE]:
            try:
                image, rows = read(source, findings)
            except RecordError as error:
                findings.leave_out(error)
            else:
                images.append(image)
                annotations.extend(rows)
        if images:
            yield {"images": images, "categories": list(categories), "annotations": annotations}
