"""Files that end: reading a pipe waits for ever, and a device may never stop."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def require_regular_file(path: str | Path, most_bytes: int | None = None) -> int:
    """Check that a path is a file, or a link to one, before it is opened.

    Args:
        path: to be read.
        most_bytes: refuse larger ones.

    Returns:
        Its size in bytes.

    Raises:
        OSError: there is no such file, it is a folder, a pipe or a device, or too large.

    Example:
        >>> _ = Path("few.bytes").write_bytes(b"abc")
        >>> require_regular_file("few.bytes")
        3
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "It is a pipe or a device, not a file", str(path))
    if most_bytes is not None and status.st_size > most_bytes:
        found = f"It has {status.st_size / 1e9:.1f} GB, more than the {most_bytes / 1e9:.1f} of any"
        raise OSError(errno.EFBIG, found, str(path))
    return status.st_size
