"""What annotation tools keep with an object, as attributes of detections: names and types."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import fiftyone.core.fields as fof

from fiftyone_ntt.coco.findings import Findings, Record
from fiftyone_ntt.coco.json_files import as_number
from fiftyone_ntt.dataset.labels.names import is_kept_attribute

Scalar = bool | int | float | str
_KINDS: dict[type, type[fof.Field]] = {
    bool: fof.BooleanField,
    int: fof.IntField,
    float: fof.FloatField,
    str: fof.StringField,
}
_MOST = 200
"""Attributes by name: each is a field of the dataset."""


class AttributeTable:
    """The attributes of all annotations: under which names, and as which type, they are kept.

    A name that FiftyOne or this package keeps for itself gets an underscore at its end, and what
    cannot stand in a name becomes one. Values of several types under one name are kept as text;
    lists and objects as JSON.

    Args:
        findings: told of what gets another name, and of what cannot be kept.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._types: dict[str, set[type]] = defaultdict(set)
        self._names: dict[str, str] = {}

    def see(self, record: Record) -> dict[str, Scalar]:
        """Take note of an annotation's attributes, before any value is asked for.

        Returns:
            What `values` is to be called with.
        """
        seen: dict[str, Scalar] = {}
        for name, value in _given(record).items():
            if value is None:
                continue
            if name not in self._names:
                if len(self._names) >= _MOST:
                    self._findings.note("attributes of too many names, left out", repr(name))
                    continue
                self._names[name] = self._new_name(name)
            seen[name] = stored = _stored(value)
            self._types[self._names[name]].add(type(stored))
        return seen

    def _new_name(self, given: str) -> str:
        name = re.sub(r"\W", "_", given).strip("_") or "attribute"
        name = f"attribute_{name}" if name[0].isdigit() else name
        name = f"{name}_" if is_kept_attribute(name) else name
        taken, found, number = set(self._names.values()), name, 2
        while found in taken:
            found, number = f"{name}_{number}", number + 1
        if found != given:
            self._findings.note(
                "attributes whose names cannot be fields, renamed", f"{given!r} is {found!r}"
            )
        return found

    def kinds(self) -> dict[str, type[fof.Field]]:
        """Types of fields by the names that the attributes are kept under."""
        return {name: _KINDS[_common(types)] for name, types in self._types.items()}

    def values(self, seen: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """An annotation's attributes, by the names and of the types that they are kept as."""
        found = {}
        for given, value in seen.items():
            name = self._names[given]
            kind = _common(self._types[name])
            found[name] = value if type(value) is kind else _as(kind, value)
        return found


def _given(record: Record) -> Mapping[str, Any]:
    attributes = record.get("attributes")
    if not isinstance(attributes, dict):
        return {}
    return {name: value for name, value in attributes.items() if isinstance(name, str)}


def _stored(value: Any) -> Scalar:
    """As a database holds it: numbers of 64 bits, and text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return str(value) if as_number(value) is None else value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text.encode("utf-8", errors="replace").decode()


def _common(types: set[type]) -> type:
    if len(types) == 1:
        return next(iter(types))
    return float if types == {int, float} else str


def _as(kind: type, value: Scalar) -> float | str:
    return float(value) if kind is float else json.dumps(value)
