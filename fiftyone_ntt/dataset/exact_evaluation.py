"""The address under which databases know our classes; they live elsewhere.

FiftyOne keeps the dotted path of the class of every saved evaluation, and imports it when the
evaluation is loaded. The first version wrote the path of this module, so it stays, whatever rooms
the package gets: a class that databases hold is imported here, and returns this path from `cls`.
Nothing in the package imports this module.
"""

from __future__ import annotations

from fiftyone_ntt.dataset.evaluation.pycocotools_evaluation import (
    PycocotoolsEvaluation,
    PycocotoolsEvaluationConfig,
)

__all__ = ["PycocotoolsEvaluation", "PycocotoolsEvaluationConfig"]
