"""The real App, its server, and Debian's Chromium, on a small demo dataset.

The server and the browser are started once, and end with this folder's tests: while Playwright
runs, FiftyOne's `execute_operator` would return tasks in the other tests. Every picture goes to
`tests/app/pictures`, which git ignores: look at them.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fiftyone_ntt.plugin.install import install_plugin
from tests.app.driver import App
from tests.database import PrivateDatabase
from tests.shapes import python_path

CHECKOUT = Path(__file__).resolve().parents[2]
PICTURES = Path(__file__).parent / "pictures"
START_TIMEOUT = 90
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--disable-gpu-rasterization",
    "--disable-accelerated-2d-canvas",
]
"""Plots need WebGL; all else is drawn by the processor, which an emulated GPU takes seconds for
while anything else is done on a machine of two cores."""
VIEWPORT = {"width": 1360, "height": 850}
STAND_STILL = """
addEventListener("DOMContentLoaded", () => {
    const style = document.createElement("style");
    style.textContent = "*, *::before, *::after { animation: none !important }";
    document.head.append(style);
});
"""
"""Nothing turns while it is waited for: drawn without a GPU, one spinner takes a whole core."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.app)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; without one these tests fail, saying how to get it."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    pytest.fail(
        "No Chromium was found, and this test drives the App in a browser. `make setup` installs "
        "Debian's where it may; or `apt-get install chromium`; or leave these tests out with "
        "`-m 'not app'`."
    )


@pytest.fixture(scope="package")
def server(private_database: PrivateDatabase) -> Iterator[int]:
    """Port of FiftyOne's server, with this plugin installed and Schedule allowed."""
    with running_server(private_database, "server") as port:
        yield port


@pytest.fixture
def other_server(private_database: PrivateDatabase) -> Iterator[int]:
    """Port of a second server on the same database, as a colleague's machine would be."""
    with running_server(private_database, "other_server") as port:
        yield port


@contextmanager
def running_server(database: PrivateDatabase, name: str) -> Iterator[int]:
    """A server process of FiftyOne's; yields its port."""
    import fiftyone.server

    install_plugin()
    port = _free_port()
    folder = Path(fiftyone.server.__file__).parent
    log = (database.folder / f"{name}.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "main.py", "--port", str(port), "--address", "127.0.0.1"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": python_path(CHECKOUT),
            "FIFTYONE_ALLOW_LEGACY_ORCHESTRATORS": "true",
        },
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for(port, process, Path(log.name))
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


@pytest.fixture(scope="package")
def demo(
    private_database: PrivateDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Twelve of the demo's scenes, with their truth; nothing tagged yet."""
    import fiftyone as fo

    from fiftyone_ntt.demo.demo_dataset import _sample

    folder = tmp_path_factory.mktemp("scenes")
    dataset = fo.Dataset("harbour", persistent=True)
    dataset.add_samples([_sample(folder, index) for index in range(12)], progress=False)
    dataset.untag_samples("candidate")
    dataset.compute_metadata(progress=False)
    yield dataset
    dataset.delete()


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium,
            args=CHROMIUM_ARGS,
        )
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def page(browser: Any, server: int, demo: Any) -> Iterator[Any]:
    """One tab for all tests: opening the App is what takes longest."""
    import fiftyone as fo

    # Attaches to the running server: without a session, the App has no colours for fields.
    session = fo.launch_app(demo, port=server, address="127.0.0.1", remote=True)
    with opened_page(browser, server, demo) as page:
        yield page
    session.close()


@contextmanager
def opened_page(browser: Any, port: int, dataset: Any) -> Iterator[Any]:
    """A browser of its own (nothing is shared with others) that shows a dataset's grid."""
    context = browser.new_context(viewport=VIEWPORT, device_scale_factor=1)
    context.add_init_script("localStorage.setItem('fiftyone-enterprise-tooltip-seen', 'true')")
    context.add_init_script(STAND_STILL)
    context.route(re.compile(r"^https?://(?!127\.0\.0\.1|localhost)"), lambda r: r.abort())
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(f"http://127.0.0.1:{port}/datasets/{dataset.name}")
    page.locator("[data-cy=looker]").first.wait_for(timeout=60_000)
    yield page
    context.close()


@pytest.fixture
def app(page: Any, request: pytest.FixtureRequest) -> Iterator[App]:
    """The App, left without an open form; a picture is taken when a test ends."""
    PICTURES.mkdir(exist_ok=True)
    driven = App(page, PICTURES)
    yield driven
    name = re.sub(r"\W+", "_", request.node.name).strip("_")
    driven.picture(f"end_of_{name}")
    driven.close_form()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/fiftyone", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"FiftyOne's server did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
