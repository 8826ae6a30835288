"""What people are told of an error, whichever it is."""

from __future__ import annotations

import logging

from fiftyone.operators.message import GeneratedMessage

from fiftyone_ntt.errors import NttError
from fiftyone_ntt.plugin.shared.app_words import in_app_words
from fiftyone_ntt.plugin.shared.context import Context

_logger = logging.getLogger(__name__)
_MOST_SHOWN = 300
"""Characters of a reason that is not ours: some libraries' errors are pages."""


def is_asked_in_app(ctx: Context) -> bool:
    """Whether somebody in the App asked for an operator, and no call from the SDK.

    Of what the App sends with every execution, the selection's style is what no call from the SDK
    has; the prompt's id comes along only while a form is filled in.
    """
    return "sample_selection_style" in ctx.request_params or ctx.prompt_id is not None


def tell_error(label: str, error: Exception) -> str:
    """An error as a sentence; one that is not ours is also logged, with its traceback.

    Args:
        label: of the operator that failed.
        error: any.
    """
    if isinstance(error, NttError):
        return in_app_words(str(error))
    # Once: it may be told in several places.
    if not getattr(error, "_ntt_logged", False):
        _logger.error("%s failed", label, exc_info=error)
        error._ntt_logged = True  # type: ignore[attr-defined]
    reason = " ".join(str(error).split())
    if " " not in reason:  # a bare key or number says nothing without its kind
        reason = f"{type(error).__name__} {reason}".strip()
    if len(reason) > _MOST_SHOWN:
        reason = f"{reason[:_MOST_SHOWN]}..."
    return (
        f"{label} failed: {reason.rstrip('.')}. The full trace is in the log of FiftyOne's server."
    )


def show_error(ctx: Context, label: str, error: Exception) -> GeneratedMessage:
    """In the App, a message without a traceback; for the SDK, which has no forms, the error."""
    if not is_asked_in_app(ctx):
        raise error
    return ctx.ops.notify(tell_error(label, error), variant="error")
