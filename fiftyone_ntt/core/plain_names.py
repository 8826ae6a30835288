"""Names of files made of what people call things."""

from __future__ import annotations

import hashlib
import re

_MOST_BYTES = 150
"""Of a name, with room for what is put after it: systems take 255."""


def plain_name(text: str) -> str:
    """A text as the beginning of a file's name: a class may be called "cup/mug", and a name may be
    longer than a file's may be. Different texts may give the same.

    Example:
        >>> plain_name("cup/mug")
        'cup_mug'
    """
    plain = re.sub(r"[^\w.-]", "_", text)
    return plain.encode()[:_MOST_BYTES].decode(errors="ignore")


def own_name(text: str) -> str:
    """`plain_name`, but for different texts different names.

    Example:
        >>> own_name("photo-1.jpg"), own_name("left/photo-1.jpg")
        ('photo-1.jpg', 'left_photo-1.jpg-cacbd2ac')
    """
    plain = plain_name(text)
    if plain == text and not plain.startswith("."):
        return plain
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{plain.lstrip('.')}-{digest[:8]}"
