"""Where detections may be written."""

from __future__ import annotations

from pathlib import Path

import fiftyone as fo
import pytest

from fiftyone_ntt.dataset.labels.names import check_new_field
from fiftyone_ntt.errors import InputError
from tests.dataset.work.test_refreshing import store_fields, stored_fields


@pytest.fixture
def filled(dataset: fo.Dataset, tmp_path: Path) -> fo.Dataset:
    boat = fo.Detection(label="boat", bounding_box=[0, 0, 1, 1])
    labels = fo.Detections(detections=[boat])
    dataset.add_sample(fo.Sample(filepath=str(tmp_path / "a.png"), labels=labels))
    return dataset


def test_a_field_that_became_text_in_another_process(filled: fo.Dataset) -> None:
    fields = {field["name"]: field for field in stored_fields(filled)}
    fields["labels"] = {**fields["filepath"], "name": "labels", "db_field": "labels"}
    store_fields(filled, list(fields.values()))
    with pytest.raises(InputError, match=r"field 'labels' of .* holds StringField"):
        check_new_field(filled, "labels")


def test_a_read_only_field_is_not_written_to(filled: fo.Dataset) -> None:
    field = filled.get_field("labels")
    field.read_only = True
    field.save()
    with pytest.raises(InputError, match="read-only"):
        check_new_field(filled, "labels")
    field = filled.get_field("labels")
    field.read_only = False
    field.save()
    check_new_field(filled, "labels")
