"""Encoders and segmenters behind the two protocols of `fiftyone_ntt.core.interfaces`.

Names are resolved on first use, so listing the models (`fiftyone_ntt.models.model_registry`) does
not import torch: forms and command lines stay quick.
"""

from fiftyone_ntt.lazy_names import lazy_names

__getattr__, __dir__ = lazy_names(__name__, __file__)
