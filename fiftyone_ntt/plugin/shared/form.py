"""An operator's form while someone fills it in: its fields, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import fiftyone.core.collections as foc
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.app_words import in_app_words
from fiftyone_ntt.plugin.shared.context import Context

ADVANCED = "advanced"
"""The part of a form that is folded away at first."""
SHAPE_TYPES = (fol.Detections, fol.Polylines)
"""Kinds of labels that have a box and a mask or an inside."""


class Form:
    """Fields in the order they are added, with the values the user gave so far.

    FiftyOne asks for the form anew at every change, so what is wrong is said as the user types.
    No field is `required` in FiftyOne's sense: that refuses calls from the SDK that leave a
    default to the operator, and gives no reason.

    Attributes:
        ctx: the operator's `ExecutionContext`.
        inputs: the form as FiftyOne wants it.
    """

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.inputs = types.Object()

    @contextmanager
    def advanced(self) -> Iterator[None]:
        """Fields that are added meanwhile are folded away, until somebody wants to see them.

        The App sends their answers apart; see `unfold`.
        """
        around, self.inputs = self.inputs, types.Object()
        try:
            yield
        finally:
            folded, self.inputs = self.inputs, around
        if not folded.properties:
            return
        # FiftyOne looks for what is wrong inside of answers alone.
        answers = self.ctx.params.setdefault(ADVANCED, {})
        # The App may draw it anew after an answer: then it is as open as it was.
        used = any(
            prop.invalid or answers.get(name) not in (None, prop.default)
            for name, prop in folded.properties.items()
        )
        view = types.ObjectView(label="Advanced", collapsible=True, default_expanded=used)
        self.inputs.define_property(ADVANCED, folded, view=view)

    def text(self, name: str, label: str, default: str = "", **shown: Any) -> str:
        """A line of text; returns what it holds, stripped."""
        required = bool(shown.pop("required", True))
        self.inputs.str(name, label=label, default=default or None, allow_empty=True, **shown)
        if required and not self._value(name, default).strip():
            self.reject(name, f"{label} is empty.")
        return str(self._value(name, default)).strip()

    def integer(
        self,
        name: str,
        label: str,
        default: int,
        low: int = 0,
        high: int | None = None,
        **shown: Any,
    ) -> int:
        """A whole number of at least `low` and, where there is a bound, at most `high`."""
        self.inputs.int(name, label=label, default=default, **shown)
        value = self._value(name, default)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < low or (high is not None and value > high):
            allowed = f"of at least {low}" if high is None else f"from {low} to {high}"
            self.reject(name, f"{label} must be a whole number {allowed}.")
            return default
        return int(value)

    def fraction(self, name: str, label: str, default: float, **shown: Any) -> float:
        """A number in 0..1."""
        self.inputs.float(name, label=label, default=default, **shown)
        value = self._value(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            self.reject(name, f"{label} must be a number from 0 to 1.")
            return default
        return float(value)

    def flag(self, name: str, label: str, default: bool = False, **shown: Any) -> bool:
        """A checkbox."""
        view = types.CheckboxView()
        self.inputs.bool(name, label=label, default=default, view=view, **shown)
        return bool(self._value(name, default))

    def choice(
        self,
        name: str,
        label: str,
        options: Mapping[str, str],
        default: str | None = None,
        side_by_side: bool = False,
        **shown: Any,
    ) -> str | None:
        """One of some values, shown by their labels; None where nothing (valid) is chosen.

        A few short ones may stand side by side, to be had with one click.
        """
        view = types.RadioGroup(orientation="horizontal") if side_by_side else types.DropdownView()
        for value, text in options.items():
            view.add_choice(value, label=text)
        # Not an enum: FiftyOne would say "Invalid enum value", not which value and what to do.
        self.inputs.str(name, label=label, default=default, view=view, **shown)
        value = self._value(name, default)
        if value in options:
            return str(value)
        if value:
            self.reject(name, f"there is no {value!r} here (any more). Choose another.")
        else:
            self.reject(name, f"{label}: choose one.")
        return None

    def choices(self, name: str, label: str, options: Mapping[str, str], **shown: Any) -> list[str]:
        """Some of some values."""
        view = types.AutocompleteView(allow_user_input=False, allow_duplicates=False)
        for value, text in options.items():
            view.add_choice(value, label=text)
        self.inputs.list(name, types.String(), label=label, default=[], view=view, **shown)
        values = [str(value) for value in self._value(name, [])]
        unknown = [value for value in values if value not in options]
        if unknown:
            self.reject(name, f"there is no {unknown[0]!r} here (any more). Remove it.")
        return values

    def note(self, name: str, label: str, text: str = "") -> None:
        """Something to read."""
        self.inputs.view(name, types.Notice(label=label, description=text))

    def warn(self, name: str, label: str, text: str = "") -> None:
        """Something to read before going on."""
        self.inputs.view(name, types.Warning(label=label, description=text))

    def stop(self, name: str, label: str, text: str) -> None:
        """What keeps the operator from running at all."""
        prop = self.inputs.view(name, types.Error(label=label, description=text))
        prop.invalid, prop.error_message = True, f"{label}. {text}"

    def reject(self, name: str, reason: str) -> None:
        """Show `reason` beside a field and refuse to run until it is mended."""
        prop = self.inputs.get_property(name)
        if prop is None:  # folded away
            prop = self.inputs.get_property(ADVANCED).type.get_property(name)
        reason = in_app_words(reason)
        prop.invalid, prop.error_message = True, reason[:1].upper() + reason[1:]

    def label_field(
        self,
        name: str,
        label: str,
        kinds: tuple[type[fol.Label], ...] = (fol.Detections,),
        prefer: str = "",
        **shown: Any,
    ) -> str | None:
        """A label field of the dataset; says so where there is none."""
        fields = label_fields(self.ctx.dataset, kinds)
        default = prefer if prefer in fields else next(iter(fields), None)
        chosen = self.choice(name, label, {field: field for field in fields}, default, **shown)
        if not fields:
            names = " or ".join(kind.__name__ for kind in kinds)
            self.reject(name, f"this dataset has no field of {names}. Add or import labels first.")
        return chosen

    def _value(self, name: str, default: Any) -> Any:
        value = self.ctx.params.get(name)
        return default if value is None else value


def unfold(params: dict[str, Any]) -> None:
    """Put the answers to what a form folds away beside the others, where calls from the SDK have
    them."""
    folded = params.get(ADVANCED)
    if isinstance(folded, dict):
        params.update({name: value for name, value in folded.items() if value is not None})


def label_fields(dataset: foc.SampleCollection, kinds: tuple[type[fol.Label], ...]) -> list[str]:
    """Paths of the fields that hold one of these kinds of labels once per sample."""
    schema = dataset.get_field_schema(flat=True)
    lists = tuple(f"{path}." for path, field in schema.items() if isinstance(field, fof.ListField))
    return [
        path
        for path, field in schema.items()
        if isinstance(field, fof.EmbeddedDocumentField)
        and issubclass(field.document_type, kinds)
        and not path.startswith(lists)
    ]


def field_problem(
    dataset: foc.SampleCollection, name: str, taken_by: str | None = None
) -> str | None:
    """Why detections cannot be written to a field of this name, or None."""
    if name == taken_by:
        return f"{name!r} is the field that is read. Choose another name."
    return ntt.output_field_problem(dataset, name)
