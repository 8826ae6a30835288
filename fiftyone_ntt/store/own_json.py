"""JSON files that a command of ours wrote: read whole, or refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fiftyone_ntt.core.regular_files import require_regular_file
from fiftyone_ntt.errors import StoreError

_MOST_BYTES = 2**30
"""Of a file: a draw of LVIS takes half a megabyte, a trial of an option 20 bytes an image."""

Held = TypeVar("Held")


def read_own_json(
    path: str | Path,
    name: str,
    version: int,
    hold: Callable[[dict[str, Any]], Held],
    *,
    what: str,
    command: str,
) -> Held:
    """What a file holds, or the file of this name in a folder.

    Args:
        path: of the file or the folder.
        name: of the file in a folder.
        version: of the form that it must have, as its `version` says.
        hold: makes something of its content, and raises where it is none of that form.
        what: it should be, with its article, as messages say it.
        command: that writes such files.

    Raises:
        StoreError: no such file, or none of that form.
    """
    path = Path(path)
    path = path / name if path.is_dir() else path
    try:
        require_regular_file(path, _MOST_BYTES)
        content: dict[str, Any] = json.loads(path.read_text())
        if content.pop("version") != version:
            raise ValueError("it is of another version")
        return hold(content)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: no such file. Pass what `{command}` wrote.") from error
    except RecursionError as error:
        reason: object = "its lists are nested too deeply"
        cause: Exception = error
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        reason = cause = error
    raise StoreError(
        f"{path} is not {what}: {reason}. Pass the {name} that `{command}` wrote."
    ) from cause
