"""What a command says: lines for people or, with `--json`, one summary for scripts."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fiftyone_ntt.command_parser import CommandParser

SOME_IMAGES_FAILED = 3
"""Exit status of a run that finished, but could not read every image."""


def add_json(parser: CommandParser) -> None:
    """The option that a `Summary` looks at."""
    parser.group("output").add_argument(
        "--json", action="store_true", help="print one summary as JSON, and all else on stderr"
    )


class Summary:
    """What a command did, gathered while it runs.

    Args:
        options: of the command.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._begun = time.monotonic()
        self._json = getattr(options, "json", False)
        self._values: dict[str, Any] = {"command": getattr(options, "command", None)}
        self._settings = {
            name: _plain(value)
            for name, value in vars(options).items()
            if name not in ("command", "json", "parser", "run", "summary")
        }
        self._images: tuple[float, int] | None = None

    def say(self, *lines: object) -> None:
        """Print lines about what was done: on stdout, which a summary for scripts has alone."""
        for line in lines:
            print(line, file=sys.stderr if self._json else sys.stdout, flush=True)

    def note(self, **values: Any) -> None:
        """Keep values for the summary."""
        self._values |= {name: _plain(value) for name, value in values.items()}

    def time_images(self, seconds: float, images: int) -> None:
        """Keep how long the images took, apart from all that comes before them.

        Args:
            seconds: of the loop over the images.
            images: that were done in it.
        """
        self._images = seconds, images

    def finish(self, status: int, error: str | None = None) -> None:
        """Print the summary, if one is wanted.

        Args:
            status: with which the command ends.
            error: why it did not do what it should.
        """
        if not self._json:
            return
        from fiftyone_ntt.core.versions import installed_versions

        whole = {
            **self._values,
            "status": status,
            **({} if error is None else {"error": error}),
            "settings": self._settings,
            "versions": installed_versions(),
            "seconds": self._seconds(),
            "peak_memory_mb": peak_memory(),
        }
        print(json.dumps(whole, indent=1))

    def _seconds(self) -> dict[str, float]:
        whole = time.monotonic() - self._begun
        if self._images is None:
            return {"all": round(whole, 3)}
        seconds, images = self._images
        return {
            "all": round(whole, 3),
            "start_up": round(whole - seconds, 3),
            "images": round(seconds, 3),
            "per_image": round(seconds / max(images, 1), 5),
        }


def tell(lines: Sequence[str]) -> None:
    """Say on stderr what somebody should know."""
    for line in lines:
        print(f"fiftyone-ntt: {line}", file=sys.stderr)


def tell_failures(failures: Mapping[str, str]) -> int:
    """Say which images failed, and how to go on; returns the exit status."""
    tell([f"skipped {reason}" for reason in failures.values()])
    if failures:
        tell(["run the same command to try these images alone: the others are not done again"])
    return SOME_IMAGES_FAILED if failures else 0


def peak_memory() -> float:
    """The most memory that this process had, in MB (10^6 bytes)."""
    import resource

    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(found / 1e6 if sys.platform == "darwin" else found * 1024 / 1e6, 1)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
