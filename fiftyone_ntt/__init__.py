"""Instance masks of your classes over a whole FiftyOne dataset, from a few tagged references.

The public functions; see the README for the tour. Importing this package costs nothing: torch and
FiftyOne are loaded by the first function that needs them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "MemoryBank": "fiftyone_ntt.core.bank",
    "NttError": "fiftyone_ntt.errors",
    "ReferenceSegmenter": "fiftyone_ntt.dataset.model",
    "add_background_negatives": "fiftyone_ntt.dataset.negatives",
    "add_coco_metrics": "fiftyone_ntt.dataset.coco_metrics",
    "add_tagged_negatives": "fiftyone_ntt.dataset.negatives",
    "boxes_to_masks": "fiftyone_ntt.dataset.boxes",
    "build_memory_bank": "fiftyone_ntt.dataset.building",
    "confidence_counts": "fiftyone_ntt.dataset.confidences",
    "delete_memory_bank": "fiftyone_ntt.dataset.banks",
    "delete_run_predictions": "fiftyone_ntt.dataset.run_deletion",
    "draw_memory_bank": "fiftyone_ntt.dataset.picture_fields",
    "duplicate_memory_bank": "fiftyone_ntt.dataset.bank_actions",
    "evaluate": "fiftyone_ntt.dataset.evaluation",
    "export_coco": "fiftyone_ntt.dataset.coco_export",
    "export_memory_bank": "fiftyone_ntt.dataset.bank_actions",
    "import_coco": "fiftyone_ntt.dataset.coco_import",
    "import_memory_bank": "fiftyone_ntt.dataset.bank_actions",
    "list_memory_banks": "fiftyone_ntt.dataset.banks",
    "list_prediction_runs": "fiftyone_ntt.dataset.run_deletion",
    "list_shots_curves": "fiftyone_ntt.dataset.shots_curve",
    "load_memory_bank": "fiftyone_ntt.dataset.banks",
    "load_models": "fiftyone_ntt.models.loading",
    "load_shots_curve": "fiftyone_ntt.dataset.shots_curve",
    "load_thumbnails": "fiftyone_ntt.dataset.thumbnails",
    "make_thumbnails": "fiftyone_ntt.dataset.thumbnail_drawing",
    "memory_bank_name_problem": "fiftyone_ntt.dataset.banks",
    "merge_memory_banks": "fiftyone_ntt.dataset.bank_actions",
    "mine_negatives": "fiftyone_ntt.dataset.negatives",
    "picture_fields_problem": "fiftyone_ntt.dataset.picture_fields",
    "prediction_points": "fiftyone_ntt.dataset.prediction_points",
    "reference_sheet": "fiftyone_ntt.dataset.reference_sheet",
    "relabel": "fiftyone_ntt.dataset.relabelling",
    "remove_negatives": "fiftyone_ntt.dataset.bank_actions",
    "rename_memory_bank": "fiftyone_ntt.dataset.banks",
    "review_memory_bank": "fiftyone_ntt.dataset.bank_actions",
    "run_benchmark": "fiftyone_ntt.protocols.running",
    "sample_references": "fiftyone_ntt.dataset.sampling",
    "save_memory_bank": "fiftyone_ntt.dataset.banks",
    "save_memory_pictures": "fiftyone_ntt.dataset.picture_files",
    "segment": "fiftyone_ntt.dataset.segmentation",
    "semantic_scores": "fiftyone_ntt.coco.semantic",
    "shots_curve": "fiftyone_ntt.dataset.shots_curve",
    "stored_grids": "fiftyone_ntt.store.stored_setups",
    "tag_references": "fiftyone_ntt.dataset.tagging",
    "visualization_key_problem": "fiftyone_ntt.dataset.visualization",
    "visualize_memory_bank": "fiftyone_ntt.dataset.visualization",
}

__all__ = [
    "MemoryBank",
    "NttError",
    "ReferenceSegmenter",
    "__version__",
    "add_background_negatives",
    "add_coco_metrics",
    "add_tagged_negatives",
    "boxes_to_masks",
    "build_memory_bank",
    "confidence_counts",
    "delete_memory_bank",
    "delete_run_predictions",
    "draw_memory_bank",
    "duplicate_memory_bank",
    "evaluate",
    "export_coco",
    "export_memory_bank",
    "import_coco",
    "import_memory_bank",
    "list_memory_banks",
    "list_prediction_runs",
    "list_shots_curves",
    "load_memory_bank",
    "load_models",
    "load_shots_curve",
    "load_thumbnails",
    "make_thumbnails",
    "memory_bank_name_problem",
    "merge_memory_banks",
    "mine_negatives",
    "picture_fields_problem",
    "prediction_points",
    "reference_sheet",
    "relabel",
    "remove_negatives",
    "rename_memory_bank",
    "review_memory_bank",
    "run_benchmark",
    "sample_references",
    "save_memory_bank",
    "save_memory_pictures",
    "segment",
    "semantic_scores",
    "shots_curve",
    "stored_grids",
    "tag_references",
    "visualization_key_problem",
    "visualize_memory_bank",
]

if TYPE_CHECKING:
    from fiftyone_ntt.coco.semantic import semantic_scores
    from fiftyone_ntt.core.bank import MemoryBank
    from fiftyone_ntt.dataset.bank_actions import (
        duplicate_memory_bank,
        export_memory_bank,
        import_memory_bank,
        merge_memory_banks,
        remove_negatives,
        review_memory_bank,
    )
    from fiftyone_ntt.dataset.banks import (
        delete_memory_bank,
        list_memory_banks,
        load_memory_bank,
        memory_bank_name_problem,
        rename_memory_bank,
        save_memory_bank,
    )
    from fiftyone_ntt.dataset.boxes import boxes_to_masks
    from fiftyone_ntt.dataset.building import build_memory_bank
    from fiftyone_ntt.dataset.coco_export import export_coco
    from fiftyone_ntt.dataset.coco_import import import_coco
    from fiftyone_ntt.dataset.coco_metrics import add_coco_metrics
    from fiftyone_ntt.dataset.confidences import confidence_counts
    from fiftyone_ntt.dataset.evaluation import evaluate
    from fiftyone_ntt.dataset.model import ReferenceSegmenter
    from fiftyone_ntt.dataset.negatives import (
        add_background_negatives,
        add_tagged_negatives,
        mine_negatives,
    )
    from fiftyone_ntt.dataset.picture_fields import draw_memory_bank, picture_fields_problem
    from fiftyone_ntt.dataset.picture_files import save_memory_pictures
    from fiftyone_ntt.dataset.prediction_points import prediction_points
    from fiftyone_ntt.dataset.reference_sheet import reference_sheet
    from fiftyone_ntt.dataset.relabelling import relabel
    from fiftyone_ntt.dataset.run_deletion import delete_run_predictions, list_prediction_runs
    from fiftyone_ntt.dataset.sampling import sample_references
    from fiftyone_ntt.dataset.segmentation import segment
    from fiftyone_ntt.dataset.shots_curve import list_shots_curves, load_shots_curve, shots_curve
    from fiftyone_ntt.dataset.tagging import tag_references
    from fiftyone_ntt.dataset.thumbnail_drawing import make_thumbnails
    from fiftyone_ntt.dataset.thumbnails import load_thumbnails
    from fiftyone_ntt.dataset.visualization import (
        visualization_key_problem,
        visualize_memory_bank,
    )
    from fiftyone_ntt.errors import NttError
    from fiftyone_ntt.models.loading import load_models
    from fiftyone_ntt.protocols.running import run_benchmark
    from fiftyone_ntt.store.stored_setups import stored_grids


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
