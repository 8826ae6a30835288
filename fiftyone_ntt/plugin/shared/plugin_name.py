"""What FiftyOne knows the plugin by."""

from __future__ import annotations

PLUGIN_NAME = "@ntt/reference_segmentation"
"""As `fiftyone.yml` has it; the first part of the URI of each operator and panel."""
