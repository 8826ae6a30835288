"""The annotations of a COCO file that are read from the disk at each pass, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fiftyone_ntt.coco.annotation_checks import IdTable, as_object, checked_annotations
from fiftyone_ntt.coco.annotation_ids import OwnIds
from fiftyone_ntt.coco.findings import Findings, Record


class StreamedAnnotations:
    """Annotations as `coco_file` has them, of which none are held; their findings are told once,
    when this is made.

    Args:
        path: of the file, for messages.
        rows: as the file has them; can be gone through again.
        images: ids of the images.
        categories: ids of the categories.
        crowds_too: whether crowds are taken as objects.
        findings: told of what cannot be used, and of what is read otherwise than it stands.
    """

    def __init__(
        self,
        path: Path,
        rows: Iterable[Any],
        images: IdTable,
        categories: IdTable,
        findings: Findings,
        *,
        crowds_too: bool,
    ) -> None:
        self._path, self._rows, self._tables = path, rows, (images, categories)
        self._crowds_too = crowds_too
        self._own = OwnIds(self._looked_over(findings), findings)
        if self._own.renumbers:
            for _ in self._own.given(self._taken(Findings("skip")), findings):
                pass

    def __iter__(self) -> Iterator[Record]:
        """The annotations in file order."""
        quiet = Findings("skip")  # it is all told already
        return self._own.given(self._taken(quiet), quiet)

    def _looked_over(self, findings: Findings) -> Iterator[int | str | None]:
        """Ids of the annotations; told of crowds after all else, as if all were there at once."""
        crowds: list[Record] = []
        count = 0
        for row in checked_annotations(self._path, self._rows, *self._tables, findings):
            if self._crowds_too and row.get("iscrowd"):
                count += 1
                crowds = crowds or [row]
            yield row.get("id")
        for row in crowds:
            as_object(row, findings, count)

    def _taken(self, quiet: Findings) -> Iterator[Record]:
        for row in checked_annotations(self._path, self._rows, *self._tables, quiet):
            yield as_object(row, quiet) if self._crowds_too else row
