"""The Memory Bank panel's events as the App sends them, without an App."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators.executor import ExecutionContext, Executor


def event(
    uri: Any,
    dataset: fo.Dataset,
    method: str,
    state: dict | None = None,
    view: Any = None,
    group_slice: str | None = None,
    **params: Any,
) -> list[tuple[str, dict]]:
    """What the panel sends to the App for an event: operators and parameters."""
    panel = foo.get_operator(uri("memory_bank_panel"))
    executor = Executor()
    given = {"panel_id": "p", "panel_state": state or {}, "__method__": method, **params}
    request = {"dataset_name": dataset.name, "view": view, "params": given}
    request["group_slice"] = group_slice
    panel.execute(ExecutionContext(request, executor))
    return [(request.operator_uri, request.params) for request in executor._requests]


def sent(messages: list[tuple[str, dict]], operator: str) -> dict:
    """All parameters of one kind, merged."""
    merged: dict = {}
    for name, params in messages:
        if name == operator:
            merged.update(params.get("state") or params.get("data") or params)
    return merged


def state_of(messages: list[tuple[str, dict]]) -> dict:
    return sent(messages, "patch_panel_state")


def data_of(messages: list[tuple[str, dict]]) -> dict:
    return sent(messages, "patch_panel_data")
