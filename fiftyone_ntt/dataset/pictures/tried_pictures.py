"""What was tried on an image, as a small picture."""

from __future__ import annotations

import io
import os
from pathlib import Path

import fiftyone.core.collections as foc
from PIL import Image

from fiftyone_ntt.dataset.labels.gone import needs_database
from fiftyone_ntt.dataset.pictures.prediction_pictures import shown_instances
from fiftyone_ntt.dataset.runs.trying_out import TriedImage
from fiftyone_ntt.dataset.work.image_readings import image_reading
from fiftyone_ntt.drawing.overlays import class_colours
from fiftyone_ntt.drawing.prediction_sheet import DrawnImage, draw_sheet

_QUALITY = 85


@needs_database
def tried_picture(
    samples: foc.SampleCollection, tried: TriedImage, classes: tuple[str, ...]
) -> bytes:
    """An image with what a bank finds on it: masks, classes, scores.

    Args:
        samples: the dataset, or a view of it; says how images are read.
        tried: by `try_out`.
        classes: of the bank; a class has the same colour on all pictures.

    Returns:
        A JPEG of at most 360 x 240 px.

    Raises:
        InputError: the image cannot be read.

    Example:
        >>> image, *_ = ntt.try_out(view, "shapes", most=1)
        >>> ntt.tried_picture(view, image, bank.classes)[:2]
        b'\\xff\\xd8'
    """
    image = image_reading(samples._root_dataset).read(tried.filepath)
    size = (int(image.shape[0]), int(image.shape[1]))
    found = shown_instances(tried.detections, size, is_truth=False)
    ranked = sorted(found, key=lambda row: -(row.score or 0.0))
    name, length = Path(tried.filepath).name, os.stat(tried.filepath).st_size
    drawn = DrawnImage(name, size, length, None, ranked)
    _, small = draw_sheet(drawn, image, class_colours(classes))
    content = io.BytesIO()
    Image.fromarray(small).save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()
