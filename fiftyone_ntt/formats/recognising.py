"""Which format a file or folder of labels is of: every format is asked."""

from __future__ import annotations

from fiftyone_ntt.formats.class_folders import CLASS_FOLDERS
from fiftyone_ntt.formats.coco_files import COCO, COCO_RESULTS
from fiftyone_ntt.formats.label_files import LabelFormat
from fiftyone_ntt.formats.lvis import LVIS
from fiftyone_ntt.formats.mask_images import MASKS
from fiftyone_ntt.formats.panoptic import PANOPTIC
from fiftyone_ntt.formats.voc import VOC

FORMATS: tuple[LabelFormat, ...] = (COCO, COCO_RESULTS, LVIS, PANOPTIC, VOC, MASKS, CLASS_FOLDERS)
"""All formats, in the order in which they are listed to users."""
