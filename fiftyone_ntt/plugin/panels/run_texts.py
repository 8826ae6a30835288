"""What a run is at, in words, and its failures by reason."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import fiftyone_ntt as ntt
from fiftyone_ntt.plugin.shared.app_words import in_app_words
from fiftyone_ntt.plugin.shared.streaming import duration

GOING = ("running", "pausing", "paused", "cancelling")

_UNSEGMENTED = "has no proposals in "
"""In the reason of an image that `relabel` finds nothing stored of."""
_PATH = re.compile(r"(?<!\w)(?:[A-Za-z]:[\\/]|/)[^\s:'\"]+")
_MOST_CHARACTERS = 160


class FailureGroup(NamedTuple):
    """Samples that failed for one reason.

    Attributes:
        reason: without the names of their files.
        ids: of the samples.
        unsegmented: whether segmenting them is what helps.
    """

    reason: str
    ids: list[str]
    unsegmented: bool


def group_failures(failures: Mapping[str, str], paths: Mapping[str, str]) -> list[FailureGroup]:
    """Failures by reason, the most frequent first.

    Args:
        failures: sample id to reason.
        paths: sample id to the path of its image, which a reason may name.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for key, reason in failures.items():
        found[_reason(reason, paths.get(key, ""))].append(key)
    groups = [FailureGroup(reason, ids, reason == _NO_PROPOSALS) for reason, ids in found.items()]
    return sorted(groups, key=lambda group: -len(group.ids))


_NO_PROPOSALS = "no proposals for these settings"


def _reason(reason: str, path: str) -> str:
    if _UNSEGMENTED in reason:
        return _NO_PROPOSALS
    text = in_app_words(reason)
    if path:
        text = text.replace(path, "…").replace(path.rsplit("/", 1)[-1], "…")
    text = _PATH.sub("…", text).replace("image …", "the image").replace("… ", "", 1)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def describe_run(state: ntt.RunState, groups: Sequence[FailureGroup]) -> str:
    """A run in a line, and its failures in one each; as Markdown.

    Args:
        state: of the run.
        groups: those of its failures that are shown.
    """
    lines = [f"**{state.field}**: {_progress(state) if state.status in GOING else _end(state)}"]
    lines += [f"{len(group.ids)} images: {group.reason}" for group in groups]
    hidden = state.failed - sum(len(group.ids) for group in groups)
    if groups and hidden > 0:
        lines.append(f"and {hidden} more")
    return "\n\n".join(lines)


def share_done(state: ntt.RunState) -> float:
    """How much of a run is done, 0..1."""
    return (state.done + state.failed) / state.images if state.images else 0.0


def _progress(state: ntt.RunState) -> str:
    if not state.images:
        return "begins"
    parts = [f"{state.done + state.failed} of {state.images} images"]
    if state.failed:
        parts.append(f"{state.failed} failed")
    if state.status != "running":
        parts.append(
            {"pausing": "pauses after this image", "paused": "paused"}.get(
                state.status, "ends after this image"
            )
        )
    elif state.rate:
        parts.append(f"{state.rate:.1f} images/s")
        if state.seconds_left is not None:
            parts.append(f"{duration(state.seconds_left)} left")
    return " · ".join(parts)


def _end(state: ntt.RunState) -> str:
    total = "" if state.images is None else f" of {state.images}"
    failed = f"{state.failed}{total} failed"
    if state.status in ("interrupted", "cancelled") or (state.status == "failed" and state.left):
        left = "" if not state.left else f": {state.left}{total} left"
        why = f". {in_app_words(state.reason)}" if state.status == "failed" and state.reason else ""
        return f"{state.status}{left}{f', {failed}' if state.failed else ''}{why}"
    told = f" · {state.told}" if state.told else ""
    if state.failed:
        return f"{failed}" + (f", {state.done} done{told}" if state.done else "")
    if state.status == "failed":
        return f"failed. {in_app_words(state.reason or '')}"
    return f"done, {state.done}{total} images{told}"
