"""What the operators share: configuration, what is missing, and how an outcome is shown."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import fiftyone.core.media as fom
import fiftyone.operators as foo
import fiftyone.operators.types as types
from fiftyone.operators.message import GeneratedMessage

from fiftyone_ntt.errors import NttError
from fiftyone_ntt.plugin.shared.app_refreshing import refresh_message, schema_mark
from fiftyone_ntt.plugin.shared.app_words import in_app_words
from fiftyone_ntt.plugin.shared.background import begin
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.form import Form, unfold
from fiftyone_ntt.plugin.shared.shown_errors import is_asked_in_app, show_error, tell_error
from fiftyone_ntt.plugin.shared.streaming import Step, report_on_run, stream

_ALWAYS = ("jaxtyping", "pycocotools", "safetensors")
"""Packages that every operator needs, and that a downloaded plugin may lack."""
RUN_PANEL = "memory_bank_panel"
"""The panel that shows runs."""

_MEDIA = {fom.VIDEO: "videos", fom.POINT_CLOUD: "point clouds", fom.THREE_D: "3D scenes"}


@dataclass(frozen=True)
class Outcome:
    """What an operator did.

    Attributes:
        message: one sentence for people.
        result: JSON values, the operator's result.
        seen: `schema_mark` from before the operator ran.
        grid: whether samples changed, so that the grid has to be read anew.
        warning: what they should look at, if anything.
        panel: name of a panel to open on it, if any.
        panel_state: what the panel knows then, and shows; kept by FiftyOne with its layout.
        panel_data: likewise, but not kept.
        variant: how it is shown: `warning` where some of it failed, `error` where all did.
    """

    message: str
    result: dict[str, Any] = field(default_factory=dict)
    seen: str | None = None
    grid: bool = True
    warning: str | None = None
    panel: str | None = None
    panel_state: dict[str, Any] | None = None
    panel_data: dict[str, Any] | None = None
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
    """Where it has a button. The header's stay where they are; those above the grid hide when
    something is selected, and go when panels lie beside it."""
    ASKS: ClassVar[bool] = True
    """Whether its button opens the form; else it runs at once."""
    VIEW_TARGET: ClassVar[bool] = False
    """Whether the form offers FiftyOne's choice of dataset, view and selection."""
    WRITES_LABELS: ClassVar[bool] = True
    """Whether it changes samples. What works on banks alone leaves the grid as it is."""
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
        """Its button, if `PLACE` says so."""
        if self.PLACE is None or ctx.dataset is None:
            return None
        return types.Placement(
            self.PLACE, types.Button(label=self.LABEL, icon=self.ICON, prompt=self.ASKS)
        )

    def resolve_input(self, ctx: Context) -> types.Property:
        """The form, or in its place what keeps the operator from running."""
        unfold(ctx.params)
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

    def run_noted(self, ctx: Context, step: Step) -> Outcome:
        """`run`, and note what the App has to read anew."""
        seen = schema_mark(ctx.dataset)
        return replace(self.run(ctx, step), seen=seen, grid=self.WRITES_LABELS)

    def execute(self, ctx: Context) -> dict[str, Any] | Iterator[GeneratedMessage]:
        """Run it: on a delegated run, at once, in the background, or with progress in the App."""
        unfold(ctx.params)
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
            outcome = self.run_noted(ctx, lambda done, total: None)
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
            lambda step: self.run_noted(ctx, step),
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
                lambda step: self.run_noted(ctx, step),
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
    if outcome.panel is not None:  # before the dataset is read anew: it would open on nothing
        # One that is open would stay at what it shows.
        yield ctx.ops.close_panel(outcome.panel)
        yield ctx.ops.open_panel(
            outcome.panel,
            layout="horizontal",
            force=True,
            force_duplicate=True,
            # Panels in Python have their state apart from what the App notes of them.
            state=None if outcome.panel_state is None else {"state": outcome.panel_state},
            data=outcome.panel_data,
        )
    if outcome.grid or outcome.seen != schema_mark(ctx.dataset):
        yield refresh_message(ctx, outcome.seen)
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
            f"This dataset holds {_MEDIA.get(dataset.media_type, dataset.media_type)}",
            "Memory banks are of images. Make a dataset of the frames, and open that one; the "
            "README of fiftyone-ntt shows how (“Videos”).",
        )
    else:
        return False
    return True
