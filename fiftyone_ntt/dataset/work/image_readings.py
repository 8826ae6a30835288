"""How the image files of a dataset are read: all of one dataset alike."""

from __future__ import annotations

import logging

import fiftyone.core.collections as foc
import fiftyone.core.odm as foo

from fiftyone_ntt.core.bit_depth import check_bit_depth, survey_bit_depth
from fiftyone_ntt.core.images import ImageReading

logger = logging.getLogger(__name__)

BIT_DEPTH = "ntt_bit_depth"
"""Key of `dataset.info`: bits a sample that are in use in image files of more than 8."""

_MAYBE_WIDE = {"$not": {"$regex": r"\.(jpe?g|webp|gif|bmp|avif)$", "$options": "i"}}


def image_reading(samples: foc.SampleCollection) -> ImageReading:
    """How the images of a dataset are read: turned as the App shows them, and of one bit depth.

    The bit depth is what `dataset.info["ntt_bit_depth"]` says. Where that is not set and there are
    files of more than 8 bits a sample, they are surveyed and what they need is kept there, so that
    images added later are read as those before.

    Args:
        samples: the dataset, or a view of it; all of the dataset counts.

    Raises:
        InputError: what is set is no bit depth.
    """
    dataset = samples._root_dataset
    datasets = foo.get_db_conn().datasets
    row = datasets.find_one({"_id": dataset._doc.id}, {"info": True}) or {}
    known = (row.get("info") or {}).get(BIT_DEPTH)
    if known is not None:
        return ImageReading(oriented=True, bit_depth=check_bit_depth(known))
    rows = dataset._sample_collection.find({"filepath": _MAYBE_WIDE}, {"filepath": True})
    depth = survey_bit_depth(sorted(row["filepath"] for row in rows))
    if depth is not None:
        # By name: whatever else somebody put into the dataset's info meanwhile stays.
        key = f"info.{BIT_DEPTH}"
        datasets.update_one({"_id": dataset._doc.id}, {"$set": {key: depth}})
        dataset.info[BIT_DEPTH] = depth
        logger.warning(
            "images of more than 8 bits a sample: %d bits are in use, the upper 8 of these are "
            "read. To read them otherwise set dataset.info[%r] (8, 10, 12, 14 or 16) and save",
            depth,
            BIT_DEPTH,
        )
    return ImageReading(oriented=True, bit_depth=depth)
