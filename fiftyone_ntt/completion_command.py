"""The command `fiftyone-ntt completion`: what makes a shell complete its words."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any, get_args

from fiftyone_ntt.command_parser import CommandParser, command

if TYPE_CHECKING:
    from collections.abc import Callable

_LINE = """
eval "$(fiftyone-ntt completion bash)"      # in ~/.bashrc; with zsh in ~/.zshrc
"""


def add_completion(commands: Any) -> None:
    """Add `completion`."""
    text = "print a script that makes a shell complete commands and options"
    parser = command(commands, "completion", _run, text, _LINE)
    parser.add_argument("shell", choices=["bash", "zsh"])


def complete(parser: CommandParser) -> None:
    """Answer the shell and end the process, if a shell asks; else nothing."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete

    for sub in _all_parsers(parser):
        for action in sub._actions:
            if action.dest in _WORDS:
                action.completer = _WORDS[action.dest]  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)


def _run(options: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    print(shellcode(["fiftyone-ntt"], shell=options.shell))
    return 0


def _all_parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    found = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += [deeper for sub in action.choices.values() for deeper in _all_parsers(sub)]
    return found


def _sets(**_: Any) -> list[str]:
    from fiftyone_ntt.models.model_registry import list_model_sets

    return [found.name for found in list_model_sets()]


def _modes(**_: Any) -> list[str]:
    from fiftyone_ntt.core.settings import Mode

    return list(get_args(Mode))


def _formats(**_: Any) -> list[str]:
    from fiftyone_ntt.formats.recognising import FORMATS

    return [known.name for known in FORMATS]


_WORDS: dict[str, Callable[..., list[str]]] = {"models": _sets, "mode": _modes, "format": _formats}
"""Of options whose words are not the parser's to check."""
