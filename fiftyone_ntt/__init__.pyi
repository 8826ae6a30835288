# The public names and where they live: for type checkers, and for `fiftyone_ntt.lazy_names`.

from .coco.semantic import semantic_scores as semantic_scores
from .core.settings import usual_threshold as usual_threshold
from .dataset.banks.bank_actions import duplicate_memory_bank as duplicate_memory_bank
from .dataset.banks.bank_actions import export_memory_bank as export_memory_bank
from .dataset.banks.bank_actions import import_memory_bank as import_memory_bank
from .dataset.banks.bank_actions import merge_memory_banks as merge_memory_banks
from .dataset.banks.bank_actions import remove_negatives as remove_negatives
from .dataset.banks.bank_actions import review_memory_bank as review_memory_bank
from .dataset.banks.bank_building import build_memory_bank as build_memory_bank
from .dataset.banks.negatives import add_background_negatives as add_background_negatives
from .dataset.banks.negatives import add_tagged_negatives as add_tagged_negatives
from .dataset.banks.negatives import mine_negatives as mine_negatives
from .dataset.banks.reference_adding import add_references as add_references
from .dataset.banks.reference_changes import change_reference_class as change_reference_class
from .dataset.banks.reference_changes import remove_references as remove_references
from .dataset.banks.saved_banks import delete_memory_bank as delete_memory_bank
from .dataset.banks.saved_banks import list_memory_banks as list_memory_banks
from .dataset.banks.saved_banks import load_memory_bank as load_memory_bank
from .dataset.banks.saved_banks import memory_bank_name_problem as memory_bank_name_problem
from .dataset.banks.saved_banks import rename_memory_bank as rename_memory_bank
from .dataset.banks.saved_banks import save_memory_bank as save_memory_bank
from .dataset.banks.saved_banks import undo_bank_change as undo_bank_change
from .dataset.banks.saved_calibrations import load_calibration as load_calibration
from .dataset.banks.tag_watch import tagged_references_changed as tagged_references_changed
from .dataset.banks.thumbnail_drawing import make_thumbnails as make_thumbnails
from .dataset.banks.thumbnail_drawing import reference_picture as reference_picture
from .dataset.banks.thumbnails import load_thumbnails as load_thumbnails
from .dataset.evaluation.ablating import ablate as ablate
from .dataset.evaluation.calibrating import calibrate as calibrate
from .dataset.evaluation.coco_figures import add_coco_metrics as add_coco_metrics
from .dataset.evaluation.evaluation_keys import evaluation_key_problem as evaluation_key_problem
from .dataset.evaluation.prediction_evaluation import evaluate as evaluate
from .dataset.evaluation.reference_suggestions import suggest_references as suggest_references
from .dataset.evaluation.reliability_picture import (
    save_reliability_picture as save_reliability_picture,
)
from .dataset.evaluation.shots_curve import list_shots_curves as list_shots_curves
from .dataset.evaluation.shots_curve import load_shots_curve as load_shots_curve
from .dataset.evaluation.shots_curve import shots_curve as shots_curve
from .dataset.evaluation.shots_curve import shots_curve_name_problem as shots_curve_name_problem
from .dataset.files.coco_export import export_coco as export_coco
from .dataset.files.coco_import import import_coco as import_coco
from .dataset.files.label_import import import_labels as import_labels
from .dataset.files.prelabel_export import PrelabelReport as PrelabelReport
from .dataset.files.prelabel_export import export_prelabels as export_prelabels
from .dataset.labels.confidences import confidence_counts as confidence_counts
from .dataset.labels.names import output_field_problem as output_field_problem
from .dataset.labels.names import tag_problem as tag_problem
from .dataset.pictures.picture_fields import draw_memory_bank as draw_memory_bank
from .dataset.pictures.picture_fields import picture_fields_problem as picture_fields_problem
from .dataset.pictures.picture_files import save_memory_pictures as save_memory_pictures
from .dataset.pictures.prediction_pictures import (
    save_prediction_pictures as save_prediction_pictures,
)
from .dataset.pictures.prediction_points import prediction_points as prediction_points
from .dataset.pictures.tried_pictures import tried_picture as tried_picture
from .dataset.pictures.visualization import visualization_key_problem as visualization_key_problem
from .dataset.pictures.visualization import visualize_memory_bank as visualize_memory_bank
from .dataset.references.reference_sampling import sample_references as sample_references
from .dataset.references.reference_sheet import reference_sheet as reference_sheet
from .dataset.references.tagging import tag_references as tag_references
from .dataset.review.app_edits import EditReport as EditReport
from .dataset.review.app_edits import learn_from_edits as learn_from_edits
from .dataset.review.app_edits import make_editable as make_editable
from .dataset.review.decisions import DecisionReport as DecisionReport
from .dataset.review.decisions import accept as accept
from .dataset.review.decisions import reject as reject
from .dataset.review.decisions import relabel_as as relabel_as
from .dataset.review.decisions import undecide as undecide
from .dataset.review.prelabel_import import CorrectionReport as CorrectionReport
from .dataset.review.prelabel_import import import_prelabels as import_prelabels
from .dataset.runs.box_segmentation import boxes_to_masks as boxes_to_masks
from .dataset.runs.continuing import continue_run as continue_run
from .dataset.runs.reference_segmenter import ReferenceSegmenter as ReferenceSegmenter
from .dataset.runs.relabelling import relabel as relabel
from .dataset.runs.run_control import cancel_run as cancel_run
from .dataset.runs.run_control import pause_run as pause_run
from .dataset.runs.run_control import resume_run as resume_run
from .dataset.runs.run_deletion import DeletionReport as DeletionReport
from .dataset.runs.run_deletion import delete_run_predictions as delete_run_predictions
from .dataset.runs.run_deletion import last_prediction_run as last_prediction_run
from .dataset.runs.run_deletion import list_prediction_runs as list_prediction_runs
from .dataset.runs.run_states import RunState as RunState
from .dataset.runs.run_states import run_failures as run_failures
from .dataset.runs.run_states import run_states as run_states
from .dataset.runs.segmentation import segment as segment
from .dataset.runs.stored_counts import StoredCounts as StoredCounts
from .dataset.runs.stored_counts import stored_counts as stored_counts
from .dataset.runs.trying_out import TriedImage as TriedImage
from .dataset.runs.trying_out import try_out as try_out
from .dataset.runs.undo import history as history
from .dataset.runs.undo import undo as undo
from .errors import NttError as NttError
from .models.loading import load_models as load_models
from .protocols.benchmark_running import run_benchmark as run_benchmark
from .store.bank_file import MemoryBank as MemoryBank
from .store.stored_setups import StoredGrid as StoredGrid
from .store.stored_setups import stored_grids as stored_grids

__version__: str
