"""The errors a user of this package can cause, one class per kind of remedy.

Every message names the thing, the reason and the way out. All of them are `NttError`, so a
caller (an operator, the command line) can show the message instead of a traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


class NttError(Exception):
    """Base of all errors whose message is meant for the user.

    Example:
        >>> try:
        ...     ntt.load_memory_bank(dataset, "boats")
        ... except ntt.NttError as error:
        ...     print(error)
        dataset 'scenes' has no memory bank 'boats'. Pass one of: 'shapes'.
    """


class InputError(NttError, ValueError):
    """An argument, field, tag, sample or file of the user's does not fit what was asked."""


class ModelError(NttError, RuntimeError):
    """A model is unknown, cannot be loaded, or does not fit the bank it is used with."""


class StoreError(NttError, OSError):
    """A file of ours is corrupt, foreign, or written by another format version."""


class DatabaseError(NttError, ConnectionError):
    """FiftyOne's database does not answer any more."""


def problem_of(check: Callable[..., object], *arguments: object) -> str | None:
    """What a check says of its arguments, for a form to show; None where it accepts them."""
    try:
        check(*arguments)
    except InputError as error:
        return str(error)
    return None


def first_lines(lines: Sequence[str], where: str = "") -> list[str]:
    """The first of many lines about single things, and how many more there are.

    Args:
        lines: one each.
        where: the others are, as the line about them ends.

    Example:
        >>> first_lines([f"image {number}" for number in range(7)])[4:]
        ['  image 4', '  and 2 more']
    """
    hidden = len(lines) - _FIRST
    more = [f"  and {hidden} more{where}"] if hidden > 0 else []
    return [*(f"  {line}" for line in lines[:_FIRST]), *more]


_FIRST = 5


def counted(count: int, noun: str) -> str:
    """`1 class`, `2 classes`."""
    plural = f"{noun}es" if noun.endswith(("s", "ch")) else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


def shown(value: object) -> str:
    """A value of somebody else's file in a message, cut to a length that people read."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


_MAX_SHOWN = 80
