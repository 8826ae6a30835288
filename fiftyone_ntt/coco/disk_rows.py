"""Rows of labels on disk, by the image that they are of, so that none are held in memory."""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int32, Int64

from fiftyone_ntt.errors import InputError

_ENCODER = json.JSONEncoder(separators=(",", ":"))
_IN_MEMORY = 2**22
"""Bytes of rows that need no file."""


class DiskRows:
    """Rows of what JSON can hold, put in any order and taken image by image.

    They lie in a temporary file, which is gone at the end of a `with`; 24 bytes of each are held.

    Example:
        >>> with DiskRows() as rows:
        ...     for image, row in ((0, ["boat", 1.5]), (2, "a"), (0, ["car", None])):
        ...         _ = rows.put(image, row)
        ...     list(rows.take([0, 1, 2]))
        [[['boat', 1.5], ['car', None]], [], ['a']]
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._ends, self._images = array("q", [0]), array("i")

    def __enter__(self) -> DiskRows:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, image: int, row: Any) -> bytes:
        """Keep a row.

        Args:
            image: number of its image, which counts from 0.
            row: of lists, texts, numbers and their like, and dicts with texts as keys.

        Raises:
            InputError: the disk is full.

        Returns:
            The row as it is kept.
        """
        line = _ENCODER.encode(row).encode()
        with _told_of_disks():
            self._file.write(line)
        self._ends.append(self._ends[-1] + len(line))
        self._images.append(image)
        return line

    def take(self, images: Sequence[int]) -> Iterator[list[Any]]:
        """The rows of each of some images, in the order in which they were put; all must be."""
        order, owners = self._by_image
        for image in images:
            start, end = np.searchsorted(owners, [image, image + 1]).tolist()
            yield [self._row(number) for number in order[start:end].tolist()]

    @cached_property
    def _by_image(self) -> tuple[Int64[np.ndarray, " n"], Int32[np.ndarray, " n"]]:
        """Numbers of all rows, image by image, and those of the images."""
        images = np.frombuffer(self._images, dtype=np.int32)
        order = np.argsort(images, kind="stable")
        return order, images[order]

    def _row(self, number: int) -> Any:
        start, end = self._ends[number], self._ends[number + 1]
        with _told_of_disks():  # the rest of what was put may be written only now
            self._file.seek(start)
            return json.loads(self._file.read(end - start))


@contextmanager
def _told_of_disks() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"labels are kept in {tempfile.gettempdir()} meanwhile, which failed: "
            f"{error.strerror}. Make room there, or name another folder in TMPDIR."
        ) from error
