"""The address under which databases know the class of an evaluation, now and always."""

from __future__ import annotations

import eta.core.utils as etau
import fiftyone as fo
import fiftyone.core.odm as foo
import pytest

import fiftyone_ntt as ntt
from tests.dataset.evaluation.test_prediction_evaluation import add_random

ADDRESS = "fiftyone_ntt.dataset.exact_evaluation.PycocotoolsEvaluationConfig"


@pytest.mark.parametrize("through", ["ntt", "fiftyone"])
def test_a_new_evaluation_is_saved_under_the_permanent_address(
    dataset: fo.Dataset, through: str
) -> None:
    add_random(dataset)
    if through == "ntt":
        ntt.evaluate(dataset, "predictions", "truth", eval_key="e", iou="masks", progress=False)
    else:
        dataset.evaluate_detections(
            "predictions", "truth", eval_key="e", method=etau.get_class(ADDRESS), progress=False
        )

    saved = foo.get_db_conn().runs.find_one({"_dataset_id": dataset._doc.id, "key": "e"})

    assert saved["config"]["cls"] == ADDRESS


def test_the_address_leads_to_the_class_and_to_what_it_configures() -> None:
    config = etau.get_class(ADDRESS)("predictions", "truth", iou=0.5, classwise=True)

    assert config.cls == ADDRESS
    assert config.run_cls is etau.get_class(ADDRESS.removesuffix("Config"))
    assert type(config.build()) is config.run_cls
