"""What the operators share: configuration, what is missing, and how an outcome is shown."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import fiftyone.core.media as fom
import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone.operators.message import GeneratedMessage

from fiftyone_ntt.errors import NttError
from fiftyone_ntt.plugin.shared.app_words import in_app_words
from fiftyone_ntt.plugin.shared.background import begin
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import Form
from fiftyone_ntt.plugin.shared.shown_errors import is_asked_in_app, show_error, tell_error
from fiftyone_ntt.plugin.shared.streaming import Step, report_on_run, stream

_ALWAYS = ("jaxtyping", "pycocotools", "safetensors")
"""Packages that every operator needs, and that a downloaded plugin may lack."""
RUN_PANEL = "memory_bank_panel"
"""The panel that shows runs."""


@dataclass(frozen=True)
class Outcome:
    """What an operator did.

    Attributes:
        message: one sentence for people.
        result: JSON values, the operator's result.
        warning: what they should look at, if anything.
        panel: name of a panel to open on it, if any.
        deselect: clear the App's selection, which would otherwise be the next form's target.
        variant: how it is shown: `warning` where some of it failed, `error` where all did.
    """

    message: str
    result: dict[str, Any] = field(default_factory=dict)
    warning: str | None = None
    panel: str | None = None
    deselect: bool = False
    variant: Literal["success", "warning", "error"] = "success"


class NttOperator(foo.Operator):  # type: ignore[misc]
    """A form over one public function.

    Subclasses say what they are in the class variables, `fill` the form, and `run` the function.
    FiftyOne makes new instances all the time, so nothing is kept on them.
    """

    NAME: ClassVar[str]
    LABEL: ClassVar[str]
    DESCRIPTION: ClassVar[str]
    ICON: ClassVar[str]
    RISK: ClassVar[types.RiskLevel]
    NEEDS: ClassVar[Sequence[str]] = ()
    """Packages without which the form only says what to install."""
    NOUN: ClassVar[str | None] = None
    """What long work counts; None for quick work, which shows no progress."""
    BACKGROUND: ClassVar[bool] = False
    """Whether its work keeps a run record: from the App it then goes on in the server, and the
    Memory Bank panel shows how far it is, instead of a dialog over the App."""
    PLACE: ClassVar[types.Places | None] = None
    VIEW_TARGET: ClassVar[bool] = False
    """Whether the form offers FiftyOne's choice of dataset, view and selection."""
    UNLISTED: ClassVar[bool] = False
    """Whether only a panel calls it: it is not listed to people, and success goes unsaid."""

    @property
    def config(self) -> Any:
        """How FiftyOne lists and runs the operator, by its class variables."""
        return foo.OperatorConfig(
            name=self.NAME,
            label=self.LABEL,
            description=self.DESCRIPTION,
            icon=self.ICON,
            dynamic=True,
            # A plain operator is cut off after 600 s, a generator is not.
            execute_as_generator=self.NOUN is not None and not self.BACKGROUND,
            allow_immediate_execution=True,
            allow_delegated_execution=True,
            risk_level=self.RISK,
            view_target=self.VIEW_TARGET,
            unlisted=self.UNLISTED,
        )

    def resolve_placement(self, ctx: Context) -> types.Placement | None:
        """Its button above the grid, if `PLACE` says so."""
        if self.PLACE is None:
            return None
        return types.Placement(
            self.PLACE, types.Button(label=self.LABEL, icon=self.ICON, prompt=True)
        )

    def resolve_input(self, ctx: Context) -> types.Property:
        """The form, or in its place what keeps the operator from running."""
        form = Form(ctx)
        if not _is_blocked(form, (*_ALWAYS, *self.NEEDS)):
            self.fill(form)
        return types.Property(form.inputs, view=types.View(label=self.LABEL))

    def fill(self, form: Form) -> None:
        """Add the form's fields."""
        raise NotImplementedError

    def run(self, ctx: Context, step: Step) -> Outcome:
        """Call the public function.

        Raises:
            NttError: with a message for the user.
        """
        raise NotImplementedError

    def execute(self, ctx: Context) -> dict[str, Any] | Iterator[GeneratedMessage]:
        """Run it: on a delegated run, at once, in the background, or with progress in the App."""
        if ctx.delegated:
            return report_on_run(ctx, lambda step: self.run(ctx, step), self.NOUN or "").result
        if self.NOUN is None:
            return self._execute_quickly(ctx)
        if self.BACKGROUND and is_asked_in_app(ctx):
            return self._execute_in_background(ctx)
        # From the SDK too: a plain operator would be cut off after 600 s.
        return self._execute_as_stream(ctx)

    def _execute_quickly(self, ctx: Context) -> dict[str, Any]:
        try:
            outcome = self.run(ctx, lambda done, total: None)
        except Exception as error:
            show_error(ctx, self.LABEL, error)
            return {}
        # In a plain operator these are collected, and sent with its result.
        if not self.UNLISTED:
            list(_messages(ctx, outcome))
        return outcome.result

    def _execute_in_background(self, ctx: Context) -> dict[str, Any]:
        label = self.LABEL
        ended = begin(
            ctx.dataset,
            label,
            lambda step: self.run(ctx, step),
            lambda error: tell_error(label, error),
        )
        if ended is None:
            ctx.ops.open_panel(RUN_PANEL, layout="horizontal")
            ctx.ops.notify(f"{label} goes on: see the Memory Bank panel.", variant="info")
            return {"going": True}
        try:
            outcome = ended.result()
        except Exception as error:
            ctx.ops.reload_dataset()  # a run that stops has written until then
            show_error(ctx, label, error)
            return {}
        list(_messages(ctx, outcome))
        return outcome.result

    def _execute_as_stream(self, ctx: Context) -> Iterator[GeneratedMessage]:
        try:
            outcome = yield from stream(
                lambda step: self.run(ctx, step),
                self.NOUN or "",
                lambda share, label: ctx.ops.set_progress(progress=share, label=label),
            )
        except Exception as error:
            shown = show_error(ctx, self.LABEL, error)
            yield ctx.ops.reload_dataset()  # a run that stops has written until then
            yield shown
            yield ctx.ops.set_progress(label=tell_error(self.LABEL, error))
        else:
            # The progress stays on the screen until the user closes it.
            yield ctx.ops.set_progress(progress=1.0, label=in_app_words(outcome.message))
            yield from _messages(ctx, outcome)


def required(params: dict[str, Any], name: str) -> Any:
    """A value that has no default; calls from the SDK may lack it.

    Raises:
        NttError: there is none.
    """
    if params.get(name) in (None, "", []):
        raise NttError(f"{name!r} is missing. Pass it in `params`.")
    return params[name]


def _messages(ctx: Context, outcome: Outcome) -> Iterator[GeneratedMessage]:
    yield ctx.ops.reload_dataset()
    if outcome.deselect:
        yield ctx.ops.clear_selected_labels()
        yield ctx.ops.clear_selected_samples()
    if outcome.panel is not None:
        yield ctx.ops.open_panel(outcome.panel, layout="horizontal")
    yield ctx.ops.notify(in_app_words(outcome.message), variant=outcome.variant)
    if outcome.warning is not None:
        yield ctx.ops.notify(in_app_words(outcome.warning), variant="warning")


def _is_blocked(form: Form, packages: Sequence[str]) -> bool:
    """Whether the form can only say why nothing can be done here."""
    dataset = form.ctx.dataset
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        form.stop(
            "missing",
            f"Not installed: {', '.join(missing)}",
            f"Run `pip install {' '.join(missing)}` in the environment of FiftyOne's server (for "
            "torch, the build for your GPU), then restart the App.",
        )
    elif dataset is None:
        form.stop("no_dataset", "No dataset is open", "Open a dataset of images first.")
    elif dataset.media_type not in (None, fom.IMAGE, fom.GROUP):
        form.stop(
            "no_images",
            f"This dataset holds {dataset.media_type}",
            "Open a dataset of images. Of videos, make one with `to_frames(sample_frames=True)`.",
        )
    else:
        return False
    return True
