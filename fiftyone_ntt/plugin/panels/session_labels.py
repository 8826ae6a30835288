"""A defect of FiftyOne's, up to 1.22.1 at least, that selecting labels in the App would run into.

The App sends labels that an operator selected without their type; the server passes them on to
Python sessions, notebooks say, as they are; and those refuse a label without a type, reconnect ten
seconds later, and reset the App to what they knew: what was selected is gone.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

_TYPE = "default"
"""As `fiftyone.core.session.events.LabelData` has it, for labels that are selected as such."""


def give_selected_labels_a_type() -> None:
    """From now on, labels that reach this process's server without a type have the default one."""
    from fiftyone.server.inputs import SelectedLabel

    made = SelectedLabel.__init__
    if hasattr(made, "__wrapped__"):
        return

    @wraps(made)
    def typed(label: Any, *arguments: Any, **fields: Any) -> None:
        """FiftyOne's `__init__`, then the default type where it set none."""
        made(label, *arguments, **fields)
        if label.type is None:
            label.type = _TYPE

    SelectedLabel.__init__ = typed
