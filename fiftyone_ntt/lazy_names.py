"""Names of a package that are looked up when they are first used, as its stub lists them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

_Lookup = tuple[Callable[[str], Any], Callable[[], list[str]]]


def lazy_names(package: str, file: str, eager: Sequence[str] = ()) -> _Lookup:
    """`__getattr__` and `__dir__` of a package whose `__init__.pyi` says where each name lives.

    The stub is read when the first name is asked for: importing the package costs nothing.

    Args:
        package: its `__name__`.
        file: its `__file__`, which the stub lies beside.
        eager: public names that the package defines itself.

    Example:
        >>> import fiftyone_ntt
        >>> look_up, names = lazy_names("fiftyone_ntt", fiftyone_ntt.__file__)
        >>> look_up("NttError").__name__
        'NttError'
        >>> "segment" in names()
        True
    """

    @cache
    def stub() -> tuple[Callable[[str], Any], list[str]]:
        """The stub's names, and what looks one up."""
        import lazy_loader

        get, _, names = lazy_loader.attach_stub(package, file)
        return get, sorted([*names, *eager])

    def look_up(name: str) -> Any:
        """`__getattr__` of the package."""
        get, names = stub()
        if name == "__all__":
            return list(names)
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return get(name)

    def list_names() -> list[str]:
        """`__dir__` of the package."""
        return list(stub()[1])

    return look_up, list_names
