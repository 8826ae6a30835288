"""Predictions drawn into a folder of pictures, beside the truth."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import fiftyone.core.collections as foc
import fiftyone.core.labels as fol
import fiftyone.core.sample as fos

from fiftyone_ntt.core.images import known_size
from fiftyone_ntt.dataset.labels.coco_labels import CROWD, label_shape
from fiftyone_ntt.dataset.labels.fields import (
    SHAPE_TYPES,
    check_whole_images,
    label_field_type,
    labels_path,
)
from fiftyone_ntt.dataset.labels.gone import NOT_ANSWERING, needs_database
from fiftyone_ntt.dataset.runs.run_deletion import last_prediction_run
from fiftyone_ntt.dataset.runs.runner import failure_reason
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.dataset.work.progress import Progress, progress_steps
from fiftyone_ntt.drawing.picture_folder import (
    PictureFolder,
    PictureSettings,
    default_picture_threshold,
)
from fiftyone_ntt.drawing.prediction_sheet import DrawnImage, ShownInstance
from fiftyone_ntt.errors import StoreError, first_lines

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PredictionPictures:
    """What `save_prediction_pictures` drew.

    Attributes:
        page: the index page.
        images: in the view, that were to be drawn.
        drawn: pictures drawn now.
        kept: pictures that were there already, as they are.
        failures: path of an image to why it is not drawn.
        seconds: wall-clock time.
    """

    page: Path
    images: int
    drawn: int
    kept: int
    failures: dict[str, str]
    seconds: float

    def __str__(self) -> str:
        parts = [f"{self.drawn} of {self.images} images drawn"]
        parts += [f"{self.kept} already there"] if self.kept else []
        parts += [f"{len(self.failures)} failed"] if self.failures else []
        head = f"{self.page}: {', '.join(parts)}; {self.seconds:.1f} s"
        return "\n".join([head, *first_lines(list(self.failures.values()))])


@needs_database
def save_prediction_pictures(
    samples: foc.SampleCollection,
    pred_field: str,
    gt_field: str | None,
    folder: str | Path,
    *,
    threshold: float | None = None,
    every: int = 1,
    progress: Progress = None,
) -> PredictionPictures:
    """Draw predictions into a folder of PNGs, with an `index.html` that shows them all.

    Each picture has the truth on its left and the predictions on its right: masks, boxes, classes
    and scores, a class in the same colour on all pictures. The page has thumbnails, sorts by class,
    best score and number of instances, and opens from the disk; it asks no server for anything.

    Pictures that are there already, of the very same labels, are left as they are: an interrupted
    call goes on when it is made again.

    Args:
        samples: a dataset or a view of images.
        pred_field: Detections or closed Polylines with a confidence; those without are drawn too.
        gt_field: likewise, of the truth; None to draw predictions alone.
        folder: made if need be, but not the one it lies in. Pictures of predictions there are
            replaced, other files not.
        threshold: predictions of at least this confidence are drawn, 0..1. When None, 0.4, as the
            published scripts do, or 0.25 where the field's last run was in mode `"best"`, whose
            confidences are smaller: that draws about as many.
        every: draw each so manyth image, at least 1.
        progress: None for FiftyOne's default bar, True, False, or a function `(done, total)`.

    Returns:
        Counts, and the reason for each image that could not be drawn.

    Raises:
        InputError: the samples or fields do not fit, or a number is out of its range.
        StoreError: a file cannot be written, or is another's.

    Example:
        >>> found = ntt.save_prediction_pictures(view, "predictions", "ground_truth", "pictures")
        >>> print(found)
        pictures/index.html: 3 of 3 images drawn; ... s
    """
    start = time.monotonic()
    check_whole_images(samples, "drawing predictions")
    fields = [name for name in (pred_field, gt_field) if name is not None]
    for name in fields:
        label_field_type(samples, name, SHAPE_TYPES)
    if threshold is None:
        threshold = _usual_threshold(samples, pred_field)
    settings = PictureSettings(Path(folder).expanduser(), threshold, every)
    pictures = PictureFolder(settings, _classes(samples, fields))
    titles = dict(list(_titles(samples).items())[::every])
    pictures.require_free(titles.values())
    read, failures, drawn = image_reading(samples._root_dataset).read, {}, 0
    chosen = samples.select(list(titles), ordered=True).select_fields(fields)
    with progress_steps(len(titles), progress) as advance:
        for sample in chosen.iter_samples():
            try:
                image = _drawn_image(sample, titles[sample.id], pred_field, gt_field)
                drawn += pictures.add(image, partial(read, sample.filepath))
                pictures.save_page_at_times(titles.values())
            except (*NOT_ANSWERING, StoreError):
                raise
            except Exception as error:
                failures[sample.filepath] = failure_reason(error)
                logger.debug("image %s is not drawn", sample.filepath, exc_info=True)
            advance()
    page = pictures.save_page(titles.values())
    kept = len(titles) - drawn - len(failures)
    return PredictionPictures(page, len(titles), drawn, kept, failures, time.monotonic() - start)


def _usual_threshold(samples: foc.SampleCollection, field: str) -> float:
    run = last_prediction_run(samples, field)
    return default_picture_threshold((run and run["mode"]) or "paper")


def _classes(samples: foc.SampleCollection, fields: Sequence[str]) -> list[str]:
    """All that occur, in alphabetical order."""
    found = {
        str(name)
        for field in fields
        for name in samples.distinct(f"{labels_path(samples, field)}.label")
    }
    return sorted(found | {str(None)})


def _titles(samples: foc.SampleCollection) -> dict[str, str]:
    """By sample, the path of its image below the folder that all of them lie in."""
    ids, paths = samples.values(["id", "filepath"])
    root = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else None
    names = [Path(os.path.relpath(path, root)).as_posix() for path in paths]
    counts = Counter(names)
    return {
        key: f"{name} ({key})" if counts[name] > 1 else name
        for key, name in zip(ids, names, strict=True)
    }


def _drawn_image(
    sample: fos.Sample | fos.SampleView, title: str, pred_field: str, gt_field: str | None
) -> DrawnImage:
    metadata = sample.metadata
    stated = (None, None) if metadata is None else (metadata.height, metadata.width)
    size = known_size(sample.filepath, *stated)
    truth = None if gt_field is None else shown_instances(sample[gt_field], size, is_truth=True)
    found = shown_instances(sample[pred_field], size, is_truth=False)
    ranked = sorted(found, key=lambda row: -1.0 if row.score is None else -row.score)
    return DrawnImage(title, size, os.stat(sample.filepath).st_size, truth, ranked)


def shown_instances(
    labels: fol.Detections | fol.Polylines | None, size: tuple[int, int], *, is_truth: bool
) -> list[ShownInstance]:
    """A sample's labels as they are drawn.

    Args:
        labels: of it.
        size: height and width of its image in pixels.
        is_truth: whether their confidences are left out.
    """
    rows = []
    for label in labels[labels._LABEL_LIST_FIELD] if labels is not None else ():
        shape = label_shape(label, size)
        x, y, width, height = shape.box
        crowd = bool(label.get_attribute_value(CROWD, False))
        score = None if is_truth else label.confidence
        rows.append(ShownInstance(str(label.label), (x, y, width, height), shape.rle, score, crowd))
    return rows
