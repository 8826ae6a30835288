"""Which files are images, told by their names alone."""

from __future__ import annotations

IMAGE_ENDS = frozenset(
    {
        *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".avif"),
        *(".gif", ".ppm", ".pgm", ".jp2"),
    }
)
"""Suffixes of image files, in small letters."""
