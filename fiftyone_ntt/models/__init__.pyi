# The names of this room and where they live: for type checkers, and for `fiftyone_ntt.lazy_names`.

from .encoders import TransformersEncoder as TransformersEncoder
from .loading import Models as Models
from .loading import clear_model_cache as clear_model_cache
from .loading import load_encoder as load_encoder
from .loading import load_models as load_models
from .loading import load_segmenter as load_segmenter
from .loading import resolve_device as resolve_device
from .model_registry import ModelEntry as ModelEntry
from .model_registry import ModelSet as ModelSet
from .model_registry import describe_models as describe_models
from .model_registry import is_available as is_available
from .model_registry import list_model_sets as list_model_sets
from .model_registry import list_models as list_models
from .segmenters import TransformersSegmenter as TransformersSegmenter
