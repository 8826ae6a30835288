"""One private MongoDB per test process, started by the first `import fiftyone`.

FiftyOne connects while it is imported, and would otherwise attach to whatever database the user
already runs. So `isolate` (called by conftest before any test module is imported) points FiftyOne
at a free port and at throw-away folders, and puts a finder in front of the import system that
starts a `mongod` there the moment `fiftyone` is first wanted. Tests that never import FiftyOne
start nothing and need no MongoDB.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

import psutil

START_TIMEOUT = 30.0
"""Seconds a `mongod` may take to answer; 0.3 to 0.6 are usual."""

NO_MONGOD = """\
No `mongod` was found, and this test needs FiftyOne's database.
Looked for: {places}.
`make setup` installs one; or put a `mongod` (6.0 or newer) on the PATH."""


class DatabaseError(Exception):
    """The tests' database cannot be started. Not an ImportError: nothing may swallow it."""


class PrivateDatabase:
    """A `mongod` of this process's own, and the folders FiftyOne may write to beside it.

    Attributes:
        folder: holds everything; removed at exit
        port: of the loopback interface
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fiftyone-ntt-tests-"))
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """What FiftyOne must find in its environment, here and in every child process."""
        return {
            "FIFTYONE_DATABASE_URI": f"mongodb://127.0.0.1:{self.port}",
            "FIFTYONE_DATABASE_NAME": f"ntt_tests_{os.getpid()}",
            "FIFTYONE_DATABASE_VALIDATION": "false",
            "FIFTYONE_DO_NOT_TRACK": "true",
            "FIFTYONE_SHOW_PROGRESS_BARS": "false",
            "FIFTYONE_CONFIG_PATH": str(self.folder / "config.json"),
            "FIFTYONE_APP_CONFIG_PATH": str(self.folder / "app_config.json"),
            "FIFTYONE_DATABASE_DIR": str(self.folder / "unused"),
            "FIFTYONE_DEFAULT_DATASET_DIR": str(self.folder / "datasets"),
            "FIFTYONE_DATASET_ZOO_DIR": str(self.folder / "zoo"),
            "FIFTYONE_MODEL_ZOO_DIR": str(self.folder / "models"),
            "FIFTYONE_PLUGINS_DIR": str(self.folder / "plugins"),
        }

    def start(self) -> None:
        """Start the server, unless it runs; returns once it takes connections."""
        if self._process is not None:
            return
        data = self.folder / "mongo"
        data.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            self._command(find_mongod(), data),
            # Open standard streams would keep a pipe behind pytest from ever closing.
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()

    def stop(self) -> None:
        """Stop the server, if it runs, and remove the folder."""
        self._end_process()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """End the server at once, as a lost power supply does; `start` brings it back."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def processor_seconds(self) -> float:
        """What this process and the server computed so far: on a busy machine, waiting for other
        programs is not counted, so that limits hold whatever else runs."""
        assert self._process is not None
        server = psutil.Process(self._process.pid).cpu_times()
        return time.process_time() + server.user + server.system

    def _end_process(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _command(self, mongod: Path, data: Path) -> list[str]:
        command = [str(mongod), "--dbpath", str(data), "--logpath", str(self.folder / "mongo.log")]
        command += ["--bind_ip", "127.0.0.1", "--port", str(self.port), "--nounixsocket"]
        command += ["--wiredTigerCacheSizeGB", "0.25"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        # Ends the server also when the tests are killed: strictly, when the starting thread ends.
        setpriv = shutil.which("setpriv")
        if setpriv is None or threading.current_thread() is not threading.main_thread():
            return command
        return [setpriv, "--pdeathsig", "KILL", *command]

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        # Gone, so that every test that needs it says so, not the first alone.
        self._end_process()
        log = self.folder / "mongo.log"
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else "(no log)"
        raise DatabaseError(f"`mongod` did not come up on port {self.port}. Its log ends:\n{tail}")


class StartOnImport:
    """A finder that finds nothing, but starts the database when `fiftyone` is looked for."""

    def __init__(self, database: PrivateDatabase) -> None:
        self._database = database

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "fiftyone":
            self._database.start()
        return None


def isolate() -> PrivateDatabase:
    """Keep FiftyOne, in this process, away from the user's own database and settings."""
    if "fiftyone" in sys.modules:
        raise DatabaseError("fiftyone was imported before the tests could isolate it")
    database = PrivateDatabase()
    os.environ.update(database.environment())
    # Before FiftyOne registers its own exit handlers: those run first, and need the database.
    atexit.register(database.stop)
    sys.meta_path.insert(0, StartOnImport(database))
    return database


def find_mongod() -> Path:
    """The `mongod` that FiftyOne brought, else one in its home folder, else the PATH's."""
    places = [Path.home() / ".fiftyone" / "bin" / "mongod"]
    # Not `importlib.util.find_spec`, which would ask `StartOnImport` too.
    package = PathFinder.find_spec("fiftyone")
    if package is not None and package.origin is not None:
        places.insert(0, Path(package.origin).parent / "db" / "bin" / "mongod")
    on_path = shutil.which("mongod")
    if on_path is not None:
        places.append(Path(on_path))
    for place in places:
        if os.access(place, os.X_OK):
            return place
    looked = ", ".join([*map(str, places), *(["the PATH"] if on_path is None else [])])
    raise DatabaseError(NO_MONGOD.format(places=looked))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
