"""Opening an operator's form as the App does, without an App."""

from __future__ import annotations

from typing import Any

from fiftyone_ntt.plugin import PLUGIN_NAME


def open_form(name: str, dataset: Any, params: dict[str, Any] | None = None, **request: Any) -> Any:
    """The form's fields by name, folded ones too, each a FiftyOne `Property`."""
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext

    operator = foo.get_operator(f"{PLUGIN_NAME}/{name}")
    ctx = ExecutionContext(
        request_params={"dataset_name": dataset.name, "params": params or {}, **request},
        operator_uri=operator.uri,
    )
    form = operator.resolve_type(ctx, "inputs")
    form.to_json()  # it must survive the way to the App
    found = dict(form.type.properties)
    folded = found.pop("advanced", None)
    return found if folded is None else {**found, **folded.type.properties}


def problems(fields: Any) -> dict[str, str]:
    """What the form says is wrong, by field."""
    return {name: field.error_message for name, field in fields.items() if field.invalid}
