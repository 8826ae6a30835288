"""COCO results as pictures, beside the annotations of the file that they are results for."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from fiftyone_ntt.coco.findings import Findings, Record, RecordError
from fiftyone_ntt.coco.image_files import ImageFile, ImageFolder
from fiftyone_ntt.coco.instances import read_instance
from fiftyone_ntt.coco.reading import CocoFile, ImageId
from fiftyone_ntt.core.images import ImageReading
from fiftyone_ntt.drawing.picture_folder import PictureFolder, PictureSettings
from fiftyone_ntt.drawing.prediction_sheet import Box, DrawnImage, ShownInstance
from fiftyone_ntt.errors import InputError


class ResultPictures:
    """The pictures of a run, drawn as its images are done.

    Args:
        settings: where, and which; None to draw nothing.
        file: what the results are for.
        lookup: finds its images; its findings are told of them once more.
        reading: how they are read.
        classes: that are looked for; colours go to them first, then to others that are annotated.

    Raises:
        StoreError: something is in the way of the pictures.
    """

    def __init__(
        self,
        settings: PictureSettings | None,
        file: CocoFile,
        lookup: ImageFolder,
        reading: ImageReading,
        classes: Sequence[str],
    ) -> None:
        self._file, self._lookup, self._reading = file, lookup, reading
        self._annotations: dict[ImageId, list[Record]] = {}
        self._titles = _titles(file)
        self._wanted: set[ImageId] = set()
        self._folder: PictureFolder | None = None
        if settings is not None:
            for row in file.annotations:
                self._annotations.setdefault(row["image_id"], []).append(row)
            self._wanted = set(list(file.images)[:: settings.every])
            self._folder = PictureFolder(settings, _all_classes(file, classes))
            self._folder.require_free(self._titles[key] for key in self._wanted)

    def catch_up(self, done: Mapping[ImageId, Sequence[Record]]) -> None:
        """Draw what an earlier run did not of the images that it finished.

        Args:
            done: their results.
        """
        for key, rows in done.items():
            try:
                self.add(self._file.images[key], rows)
            except InputError:  # unreadable since: its results stay, as those of a whole run do
                continue

    def add(self, record: Record, rows: Sequence[Record]) -> None:
        """Draw an image's results, unless that very picture is there.

        Args:
            record: the image's entry.
            rows: the results.

        Raises:
            InputError: the image cannot be read.
            StoreError: the picture cannot be written.
        """
        if self._folder is None or record["id"] not in self._wanted:
            return
        image = self._lookup.open(record)
        drawn = DrawnImage(
            self._titles[record["id"]],
            image.size,
            os.stat(image.path).st_size,
            self._truth(record, image) if self._file.annotations else None,
            [self._prediction(row) for row in rows],
        )
        self._folder.add(drawn, partial(self._pixels, image))
        self._folder.save_page_at_times(self._order())

    def save_page(self) -> None:
        """Write the index page of what is drawn by now, in the order of the file.

        Raises:
            StoreError: it cannot be written.
        """
        if self._folder is None:
            return
        self._folder.save_page(self._order())

    def _order(self) -> Iterator[str]:
        return (self._titles[key] for key in self._file.images)

    def _pixels(self, image: ImageFile) -> Any:
        reading = ImageReading(image.oriented, self._reading.bit_depth)
        return reading.read(image.path)

    def _prediction(self, row: Record) -> ShownInstance:
        rle = {**row["segmentation"], "counts": row["segmentation"]["counts"].encode()}
        label = self._file.categories[row["category_id"]]
        return ShownInstance(label, _box(row["bbox"]), rle, row["score"])

    def _truth(self, record: Record, image: ImageFile) -> list[ShownInstance]:
        """The annotations that can be drawn; what is wrong with others is told by evaluating."""
        quiet, found = Findings("skip", as_it_stands=True), []
        for row in self._annotations.get(record["id"], ()):
            try:
                instance = read_instance(row, image.size, quiet)
            except RecordError:
                continue
            label = self._file.categories[row["category_id"]]
            box = _box(instance.box)
            found.append(ShownInstance(label, box, instance.rle, crowd=instance.crowd))
        return found


def _box(values: Sequence[float]) -> Box:
    x, y, width, height = values
    return x, y, width, height


def _all_classes(file: CocoFile, classes: Sequence[str]) -> list[str]:
    """The classes that are looked for, and then others that are annotated."""
    used = {row["category_id"] for row in file.annotations}
    annotated = [name for key, name in file.categories.items() if key in used]
    return list(dict.fromkeys([*classes, *annotated]))


def _titles(file: CocoFile) -> dict[ImageId, str]:
    """What tells the images apart: their names, with the id where a file is listed twice."""
    names = {key: record["file_name"] for key, record in file.images.items()}
    counts = Counter(names.values())
    return {key: f"{name} ({key})" if counts[name] > 1 else name for key, name in names.items()}
