"""All that the plugin registers; `fiftyone.yml` lists the same names."""

from __future__ import annotations

from fiftyone_ntt.plugin.add_negatives import AddNegatives
from fiftyone_ntt.plugin.bank_panel import MemoryBankPanel
from fiftyone_ntt.plugin.boxes_to_masks import BoxesToMasks
from fiftyone_ntt.plugin.build_bank import BuildMemoryBank
from fiftyone_ntt.plugin.coco_metrics import CocoMetrics
from fiftyone_ntt.plugin.delete_predictions import DeleteRunPredictions
from fiftyone_ntt.plugin.evaluate import EvaluatePredictions
from fiftyone_ntt.plugin.make_thumbnails import MakeThumbnails
from fiftyone_ntt.plugin.manage_banks import ManageMemoryBanks
from fiftyone_ntt.plugin.measure_shots import MeasureShots
from fiftyone_ntt.plugin.place_predictions import PlacePredictions
from fiftyone_ntt.plugin.relabel import RelabelWithMemoryBank
from fiftyone_ntt.plugin.sample_references import SampleReferences
from fiftyone_ntt.plugin.segment import SegmentWithMemoryBank
from fiftyone_ntt.plugin.shots_panel import ShotsCurvePanel
from fiftyone_ntt.plugin.tag_references import TagReferences
from fiftyone_ntt.plugin.visualize_bank import VisualizeMemoryBank

OPERATORS = (
    SampleReferences,
    TagReferences,
    BuildMemoryBank,
    AddNegatives,
    SegmentWithMemoryBank,
    RelabelWithMemoryBank,
    EvaluatePredictions,
    BoxesToMasks,
    VisualizeMemoryBank,
    ManageMemoryBanks,
    DeleteRunPredictions,
    MakeThumbnails,
    MeasureShots,
    PlacePredictions,
)

METRICS = (CocoMetrics,)
"""Operators that FiftyOne calls while it evaluates."""

PANELS = (MemoryBankPanel, ShotsCurvePanel)
