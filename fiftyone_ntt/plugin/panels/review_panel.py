"""The Review panel: predictions one by one, or many of a class, decided on by keyboard."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.panels import review_answers
from fiftyone_ntt.plugin.shared.context import Context, PanelContext
from fiftyone_ntt.plugin.shared.shown_errors import tell_error

COMPONENT = "NttReview"
"""As the plugin's script registers it."""
NAME = "review"


class ReviewPanel(foo.Panel):  # type: ignore[misc]
    """All of it is the script's: Python answers its questions, and draws nothing anew for that.

    The panel has neither state nor data. FiftyOne would send either along with every event, and
    draw the panel again after it; a key is answered in less time than that takes.
    """

    NAME = "review_panel"

    @property
    def config(self) -> Any:
        """How FiftyOne names the panel, and where it may be opened."""
        return foo.PanelConfig(
            name=self.NAME,
            label="Review",
            icon="rule",
            surfaces="grid",
            help_markdown="Accept, reject and correct predictions by keyboard",
        )

    def execute(self, ctx: Context) -> Any:
        """As every panel; but questions of the script are answered, and nothing is drawn."""
        answer = review_answers.ANSWERS.get(ctx.params.get("__method__"))
        if answer is None:
            return super().execute(ctx)
        try:
            return answer(ctx)
        except ntt.NttError as error:
            return {"error": tell_error("Reviewing", error)}

    def on_load(self, ctx: PanelContext) -> None:
        """Nothing: the script asks for what it shows."""

    def render(self, ctx: PanelContext) -> types.Property:
        """Lay out the script's component, and tell it whom to ask."""
        panel = types.Object()
        view = types.View(component=COMPONENT, composite_view=True, operator=self.uri)
        panel.define_property(NAME, types.Object(), view=view)
        return types.Property(
            panel, view=types.GridView(orientation="vertical", columns=1, gap=0, pad=1)
        )
