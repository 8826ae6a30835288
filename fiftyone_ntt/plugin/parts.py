"""All that the plugin registers; `fiftyone.yml` lists the same names."""

from __future__ import annotations

from fiftyone_ntt.plugin.operators.add_negatives import AddNegatives
from fiftyone_ntt.plugin.operators.add_to_bank import AddToMemoryBank
from fiftyone_ntt.plugin.operators.boxes_to_masks import BoxesToMasks
from fiftyone_ntt.plugin.operators.build_bank import BuildMemoryBank
from fiftyone_ntt.plugin.operators.calibrate import CalibrateMemoryBank
from fiftyone_ntt.plugin.operators.coco_metrics import CocoMetrics
from fiftyone_ntt.plugin.operators.continue_run import ContinueRun
from fiftyone_ntt.plugin.operators.decide import DecideOnPredictions
from fiftyone_ntt.plugin.operators.delete_predictions import DeleteRunPredictions
from fiftyone_ntt.plugin.operators.draw_reference import DrawReference
from fiftyone_ntt.plugin.operators.evaluate import EvaluatePredictions
from fiftyone_ntt.plugin.operators.export_prelabels import ExportPrelabels
from fiftyone_ntt.plugin.operators.import_labels import ImportLabels
from fiftyone_ntt.plugin.operators.import_prelabels import ImportPrelabels
from fiftyone_ntt.plugin.operators.make_thumbnails import MakeThumbnails
from fiftyone_ntt.plugin.operators.manage_banks import ManageMemoryBanks
from fiftyone_ntt.plugin.operators.measure_shots import MeasureShots
from fiftyone_ntt.plugin.operators.open_panel import OpenMemoryBankPanel
from fiftyone_ntt.plugin.operators.place_predictions import PlacePredictions
from fiftyone_ntt.plugin.operators.relabel import RelabelWithMemoryBank
from fiftyone_ntt.plugin.operators.sample_references import SampleReferences
from fiftyone_ntt.plugin.operators.segment import SegmentWithMemoryBank
from fiftyone_ntt.plugin.operators.tag_references import TagReferences
from fiftyone_ntt.plugin.operators.teach import TeachMemoryBank
from fiftyone_ntt.plugin.operators.try_bank import TryBank
from fiftyone_ntt.plugin.operators.undo_change import UndoLastChange
from fiftyone_ntt.plugin.operators.visualize_bank import VisualizeMemoryBank
from fiftyone_ntt.plugin.panels.bank_panel import MemoryBankPanel
from fiftyone_ntt.plugin.panels.review_panel import ReviewPanel
from fiftyone_ntt.plugin.panels.shots_panel import ShotsCurvePanel

OPERATORS = (
    SampleReferences,
    TagReferences,
    BuildMemoryBank,
    AddToMemoryBank,
    AddNegatives,
    CalibrateMemoryBank,
    SegmentWithMemoryBank,
    RelabelWithMemoryBank,
    DecideOnPredictions,
    TeachMemoryBank,
    EvaluatePredictions,
    BoxesToMasks,
    VisualizeMemoryBank,
    ManageMemoryBanks,
    DeleteRunPredictions,
    UndoLastChange,
    ImportLabels,
    ExportPrelabels,
    ImportPrelabels,
    MakeThumbnails,
    DrawReference,
    ContinueRun,
    MeasureShots,
    PlacePredictions,
    TryBank,
    OpenMemoryBankPanel,
)

METRICS = (CocoMetrics,)
"""Operators that FiftyOne calls while it evaluates."""

PANELS = (MemoryBankPanel, ReviewPanel, ShotsCurvePanel)
