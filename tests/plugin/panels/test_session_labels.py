"""Labels that the App selects, on their way to a Python session."""

from __future__ import annotations

from dataclasses import asdict

import fiftyone.core.session.events as session_events
import pytest
from fiftyone.server.inputs import SelectedLabel

from fiftyone_ntt.plugin.panels.session_labels import give_selected_labels_a_type


@pytest.mark.parametrize(("given", "received"), [(None, "default"), ("alt", "alt")])
def test_a_python_session_takes_them(given: str | None, received: str) -> None:
    for _ in range(2):
        give_selected_labels_a_type()
        label = SelectedLabel(label_id="1", field="predictions", sample_id="2", type=given)
        event = session_events.Event.from_data("select_labels", {"labels": [asdict(label)]})
        assert [(found.label_id, found.type) for found in event.labels] == [("1", received)]
