"""Shapes and types of every call of the package are checked while the tests run.

jaxtyping's annotations say what an array's shape is (`Float32[np.ndarray, "N C"]`), and with
`beartype` as the checker every call and every dataclass of the package is held to them, here and in
the processes that tests start. Tests of seconds and of what an import loads do without: the former
carry the marker `timed` and run in a pytest of their own (`make test`), the latter start their
processes in `plain_environment`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OFF = "FIFTYONE_NTT_UNCHECKED"
"""Set to anything, shapes and types go unchecked."""
_CHECKED = str(Path(__file__).with_name("checked"))


def check() -> None:
    """Check from now on: before the package is first imported."""
    if os.environ.get(OFF):
        return
    assert "fiftyone_ntt" not in sys.modules, "imported before its calls can be checked"
    sys.path.append(_CHECKED)
    import checked_calls

    checked_calls.install()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        # Started by pytest as tests start theirs, see `checked/sitecustomize.py`, but not to run a
        # module: what it compiles is kept for others.
        sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
        return
    paths = [_CHECKED, *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


@contextmanager
def unchecked() -> Iterator[None]:
    """Nothing is checked: for a test that hands over, on purpose, what the annotations forbid."""
    import jaxtyping

    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def python_path(*folders: Path) -> str:
    """`PYTHONPATH` of a process that is to see these folders alone, checked if this one is."""
    checked = [_CHECKED] if _CHECKED in sys.path else []
    return os.pathsep.join([*checked, *map(str, folders)])


def plain_environment() -> dict[str, str]:
    """The environment of a process in which nothing is checked, nor loaded for it."""
    environment = dict(os.environ)
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path != _CHECKED)
    return environment
