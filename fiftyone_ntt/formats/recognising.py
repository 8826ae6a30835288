"""Which format a file or folder of labels is of: every format is asked."""

from __future__ import annotations

from fiftyone_ntt.formats.label_files import LabelFormat

FORMATS: tuple[LabelFormat, ...] = ()
"""All formats, in the order in which they are listed to users."""
