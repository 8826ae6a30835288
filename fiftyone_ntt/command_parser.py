"""The parser of a command: options in groups, an example below them, and the nearest known word."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

_CHOICE = re.compile(r"invalid choice: '(?P<given>[^']*)' \(choose from (?P<known>.*)\)", re.DOTALL)
_GROUPS = ("what", "models", "method", "output")
"""What options are about, in the order of the help."""


class CommandParser(argparse.ArgumentParser):
    """An `ArgumentParser` whose help shows an example, and whose errors say what may be meant.

    Args:
        line: a command line to copy, below the options; none when empty.
        options: of `ArgumentParser`.
    """

    def __init__(self, *, line: str = "", **options: Any) -> None:
        if line:
            options["epilog"] = f"example:\n{_indented(line)}"
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)
        self._given: Sequence[str] = ()
        self._titled: dict[str, argparse._ArgumentGroup] = {}

    def group(self, title: str) -> argparse._ArgumentGroup:
        """The group of options about this.

        Args:
            title: one of `what`, `models`, `method`, `output`.
        """
        if not self._titled:
            self._titled = {name: self.add_argument_group(name) for name in _GROUPS}
        return self._titled[title]

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As `ArgumentParser` does; what is given is kept for the errors."""
        self._given = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print the usage and an error, with the word that was most likely meant; exit status 2."""
        from fiftyone_ntt.core.nearest_names import nearest_name

        hints = []
        if found := _CHOICE.search(message):
            known = [word.strip(" '") for word in found["known"].split(",")]
            hints.append((found["given"], nearest_name(found["given"], known)))
        options = [name for name in self._option_string_actions if name.startswith("--")]
        for word in self._given:
            name = word.partition("=")[0]
            if word.startswith("--") and not any(known.startswith(name) for known in options):
                hints.append((name, nearest_name(name, options)))
        meant = [f"{given} looks like {known}" for given, known in hints if known is not None]
        super().error(f"{message}{''.join(f'; {hint}' for hint in meant)}")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip().splitlines())


def command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    line: str = "",
) -> CommandParser:
    """A sub-command that calls `run`.

    Args:
        commands: what `add_subparsers` gave.
        name: of the command.
        run: gets the options; returns the exit status.
        text: what it does.
        line: see `CommandParser`.
    """
    parser: CommandParser = commands.add_parser(name, help=text, description=text, line=line)
    parser.set_defaults(run=run, parser=parser)
    return parser
