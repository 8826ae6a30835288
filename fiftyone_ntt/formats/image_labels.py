"""Images with their annotations, one after the other, as content in parts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    sources: Iterable[_T],
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
    return packed_parts(_readable(sources, read, findings), categories)


def packed_parts(images: Iterable[ImageLabels], categories: Sequence[Record]) -> Iterator[Content]:
    """Images with their annotations as content, `PART_SIZE` at a time; none of no images.

    Args:
        images: read as the parts are asked for.
        categories: of all of them.
    """
    remaining = iter(images)
    while part := list(itertools.islice(remaining, PART_SIZE)):
        yield {
            "images": [image for image, _ in part],
            "categories": list(categories),
            "annotations": [row for _, rows in part for row in rows],
        }


def _readable(
    sources: Iterable[_T], read: Callable[[_T, Findings], ImageLabels], findings: Findings
) -> Iterator[ImageLabels]:
    for source in sources:
        try:
            found = read(source, findings)
        except RecordError as error:
            findings.leave_out(error)
        else:
            yield found
