"""What this plugin uses of FiftyOne's execution context, which FiftyOne itself leaves untyped.

Each protocol stands for a class of FiftyOne's and names no more of it than is used here, with the
parameters that are passed here. The objects are FiftyOne's own: nothing here is ever made.
FiftyOne's types are for the reader, as everywhere in this package; type checkers see Any in them.

Only tests ask for instances: before Python 3.12 that reads every property, so opens the dataset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, runtime_checkable

import fiftyone.core.collections as foc
import fiftyone.core.dataset as fod
import fiftyone.core.view as fov
from fiftyone.operators.message import GeneratedMessage


@runtime_checkable
class Operations(Protocol):
    """`fiftyone.operators.operations.Operations`: what the App can be told to do.

    Each returns the message to yield from a generator; elsewhere it is sent with the result.
    """

    def clear_selected_labels(self) -> GeneratedMessage:
        """Select no labels."""

    def clear_selected_samples(self) -> GeneratedMessage:
        """Select no samples."""

    def notify(
        self, message: str, variant: Literal["info", "success", "warning", "error"] = "info"
    ) -> GeneratedMessage:
        """Show a message that goes away."""

    def open_panel(
        self, name: str, *, layout: Literal["horizontal", "vertical"] | None = None
    ) -> GeneratedMessage:
        """Open a panel, or come back to it."""

    def reload_dataset(self) -> GeneratedMessage:
        """Read the dataset anew."""

    def reload_samples(self) -> GeneratedMessage:
        """Read the samples anew; the grid stays where it is, and what is selected stays so."""

    def set_progress(
        self, *, label: str | None = None, progress: float | None = None
    ) -> GeneratedMessage:
        """Show how far an operator is: a text, a share of 1, or both."""

    def set_selected_labels(self, labels: list[dict[str, str]]) -> GeneratedMessage:
        """Select labels: `sample_id`, `label_id` and `field` of each."""

    def show_samples(
        self, samples: list[str], use_extended_selection: bool = False
    ) -> GeneratedMessage:
        """Show the samples of these ids alone: by a view, or as the extended selection."""


@runtime_checkable
class Context(Protocol):
    """`fiftyone.operators.executor.ExecutionContext`, as operators and their forms have it."""

    @property
    def params(self) -> dict[str, Any]:
        """JSON: the form's answers, or the parameters of a panel's event."""

    @property
    def request_params(self) -> dict[str, Any]:
        """JSON: all that the App or the SDK sent, `params` among it."""

    @property
    def prompt_id(self) -> str | None:
        """What the open form is known by; None without one, as in calls from the SDK."""

    @property
    def delegated(self) -> bool:
        """Whether this is a scheduled run, which nobody watches."""

    @property
    def dataset(self) -> fod.Dataset:
        """The open dataset; without one None, and every form then stops at saying so."""

    @property
    def view(self) -> fov.DatasetView:
        """What the grid shows."""

    @property
    def selected(self) -> list[str]:
        """Ids of what is selected in the grid: samples, or patches."""

    @property
    def selected_labels(self) -> list[dict[str, Any]] | None:
        """`label_id`, `sample_id`, `field` and more of each selected label; None where not sent."""

    @property
    def ops(self) -> Operations:
        """What the App can be told to do."""

    def target_view(self, *, require_flat: bool = False) -> foc.SampleCollection:
        """The samples that the user chose; in a form, makes FiftyOne add that choice.

        Of a grouped dataset, a flat choice is of the active slice.
        """

    def flatten_group_slices(
        self, sample_collection: foc.SampleCollection, *, media_type: str | None = None
    ) -> foc.SampleCollection:
        """Of a grouped collection the active slice, or those of a media type; others as is."""

    def set_progress(self, *, progress: float | None = None, label: str | None = None) -> None:
        """Note on a scheduled run how far it is."""


@runtime_checkable
class PanelRef(Protocol):
    """`fiftyone.operators.panel.PanelRef`: the panel that an event came from."""

    def get_state(self, key: str) -> Any:
        """JSON that the App sent along with the event; None where there is none."""

    def set_state(self, key: str, value: object) -> None:
        """Have the App keep some JSON, and send it with every later event."""

    def set_data(self, key: str, value: object) -> None:
        """Have the App show some JSON, which it does not send back."""


@runtime_checkable
class PanelContext(Context, Protocol):
    """`fiftyone.operators.executor.ExecutionContext`, as the methods of panels have it."""

    @property
    def panel(self) -> PanelRef:
        """The panel; reading it fails where no panel's event is behind the call."""

    def prompt(
        self,
        operator_uri: str,
        *,
        params: dict[str, Any] | None = None,
        on_success: PanelEvent | None = None,
        skip_prompt: bool = False,
    ) -> GeneratedMessage:
        """Open an operator's form, or run it without, and call the panel back afterwards."""


PanelEvent = Callable[[PanelContext], None]
"""A method of a panel that the App calls. FiftyOne sends its name: a plain function will not do."""
