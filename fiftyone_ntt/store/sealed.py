"""Arrays and JSON in one safetensors file that says what it is and notices any damage."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from fiftyone_ntt.errors import StoreError

Arrays = dict[str, Shaped[np.ndarray, " ..."]]
"""By name, of any type."""

_HEADER = "fiftyone_ntt"
_BEGINNING = b'{"__metadata__":{"' + _HEADER.encode() + b'":'
"""Of the header of any sealed file, after its size."""
_PEEK = 4096
_LONGEST = 2**24
"""Bytes of a header that are looked through for what it is the header of."""
# What safetensors raises on damaged files; KeyError and AttributeError on types NumPy lacks.
_UNREADABLE = (SafetensorError, ValueError, KeyError, AttributeError, TypeError)


@dataclass(frozen=True)
class SealedFormat:
    """A kind of file.

    Attributes:
        name: the kind, as users call it: "memory bank".
        version: raised when the content changes; what is written.
        source: what makes such files, for messages.
        remedy: what to do about a damaged one, for messages.
        oldest: the first version that is still read, `version` itself when None; the others are
            refused.
    """

    name: str
    version: int
    source: str
    remedy: str
    oldest: int | None = None

    @property
    def _title(self) -> str:
        return f"fiftyone-ntt {self.name}"

    def seal(self, content: dict[str, Any], arrays: Arrays) -> bytes:
        """The file of some JSON values and contiguous arrays; equal input gives equal bytes."""
        header = {**content, "format": self._title, "version": self.version}
        header["checksum"] = _checksum(header, arrays)
        return save_tensors(arrays, {_HEADER: json.dumps(header, sort_keys=True)})

    def unseal(self, data: bytes, origin: str) -> tuple[dict[str, Any], Arrays]:
        """JSON values, "version" among them, and arrays of a file.

        Args:
            data: as made by `seal`.
            origin: where the bytes come from, for messages.

        Raises:
            StoreError: of another kind or version, or damaged.
        """
        header = self._read_header(data, origin)
        try:
            arrays = load_tensors(data)
        except _UNREADABLE as error:
            raise self.corrupt(origin, str(error) or type(error).__name__) from error
        if _checksum(header, arrays) != header.get("checksum"):
            raise self.corrupt(origin, "its checksum does not match its content")
        return header, arrays

    def wrote(self, path: Path) -> bool:
        """Whether a file was written in this format, of any version, by what its header says.

        It may be damaged further on; one whose header is damaged may as well be another's.
        """
        with path.open("rb") as file:
            head = file.read(_PEEK)
            if not head[8:].startswith(_BEGINNING):
                return False
            size = 8 + min(int.from_bytes(head[:8], "little"), _LONGEST)
            head += file.read(max(size - len(head), 0))
        words = f'"format": {json.dumps(self._title)}'
        return json.dumps(words)[1:-1].encode() in head[8:size]

    @property
    def _readable(self) -> range:
        first = self.version if self.oldest is None else self.oldest
        return range(first, self.version + 1)

    def corrupt(self, origin: str, reason: str) -> StoreError:
        """What to tell the user of a damaged file."""
        return StoreError(f"{self.name} {origin} is corrupt: {reason}. {self.remedy}")

    def _read_header(self, data: bytes, origin: str) -> dict[str, Any]:
        size = int.from_bytes(data[:8], "little")
        try:
            header = json.loads(data[8 : 8 + size])["__metadata__"][_HEADER]
            content: dict[str, Any] = dict(json.loads(header))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StoreError(
                f"{origin} is not a {self.name}, or its beginning is damaged. Pass a file written "
                f"by {self.source}."
            ) from error
        if content.get("format") != self._title or content.get("version") not in self._readable:
            raise StoreError(
                f"{origin} is {content.get('format')!r} of version {content.get('version')}, but "
                f"this version of fiftyone-ntt reads {self._title!r} version {self.version}. "
                "Rebuild it, or use the version of fiftyone-ntt that wrote it."
            )
        return content


def _checksum(header: dict[str, Any], arrays: Arrays) -> str:
    """Of everything in the file but the checksum itself."""
    words = {key: value for key, value in header.items() if key != "checksum"}
    digest = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
