"""The FiftyOne plugin `@ntt/reference_segmentation`: thin forms over the package's functions.

Importing this costs nothing: no torch, no FiftyOne. FiftyOne asks for the plugin at every operator
look-up, and the command line imports `plugin.install` from here.
"""

from __future__ import annotations

import logging
from typing import Any

import fiftyone_ntt
from fiftyone_ntt.plugin.shared.plugin_name import PLUGIN_NAME

__all__ = ["PLUGIN_NAME", "register"]

_logger = logging.getLogger(__name__)
_warned_of: set[str] = set()


def register(plugin: Any) -> None:
    """Register the plugin's operators and panels.

    Args:
        plugin: the `fiftyone.plugins.context.PluginContext` that asks
    """
    _warn_of_other_version(plugin.plugin_definition)
    from fiftyone_ntt.plugin.parts import METRICS, OPERATORS, PANELS

    for part in (*OPERATORS, *METRICS, *PANELS):
        plugin.register(part)


def _warn_of_other_version(definition: Any) -> None:
    """Say, once, that the plugin's folder and the package that answers for it differ.

    An installed package silently wins over the one in a downloaded or linked plugin folder.
    """
    version = str(definition.version)
    if version == fiftyone_ntt.__version__ or version in _warned_of:
        return
    _warned_of.add(version)
    _logger.warning(
        "The plugin %s in %s has version %s, but the installed package fiftyone-ntt, which is "
        "what runs, has %s. Run `fiftyone-ntt install-plugin`, or remove that folder.",
        PLUGIN_NAME,
        definition.directory,
        version,
        fiftyone_ntt.__version__,
    )
