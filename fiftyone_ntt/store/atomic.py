"""Writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from uuid import uuid4

from fiftyone_ntt.errors import StoreError


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`; a failure leaves what was there before.

    Raises:
        StoreError: the file cannot be written, with the system's reason.
    """
    require_no_folder(path)
    # A draft of its own for every writer, made with the permissions any other file would get.
    draft = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def require_no_folder(path: Path) -> None:
    """Check that `path` can be the path of a file, before work is spent on its content.

    Raises:
        StoreError: it is a folder.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder. Pass the path of a file to write.")


def cannot_write(path: Path, error: OSError) -> StoreError:
    """What to tell the user when the system refuses a write."""
    return StoreError(
        f"{path} cannot be written: {error.strerror or error}. Free space, change the folder's "
        "permissions, or choose another path."
    )
