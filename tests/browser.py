"""Headless Chromium, driven as a reader drives a browser."""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.conftest import need

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
)


def open_browser(home: Path, **capabilities: object) -> webdriver.Chrome:
    """A fresh browser that keeps its files in `home`; whoever opens it quits it."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in (*FLAGS, f"--user-data-dir={home}"):
        options.add_argument(flag)
    for name, value in capabilities.items():
        options.set_capability(name, value)
    service = Service(shutil.which("chromedriver"), env={**os.environ, "HOME": str(home)})
    return webdriver.Chrome(options=options, service=service)


def serious_faults(page: webdriver.Chrome) -> tuple[list[Any], int]:
    """What axe finds that is serious or critical, and how many of its rules passed."""
    spec = importlib.util.find_spec("axe_core_python")
    need(spec, "needs axe-core-python, of the extra dev")
    assert spec is not None
    assert spec.origin is not None
    script = Path(spec.origin).with_name("axe.min.js").read_text("utf-8")
    page.execute_cdp_cmd("Runtime.evaluate", {"expression": script})
    found, passed = page.execute_async_script(
        "const done = arguments[0]; axe.run().then((r) => done([r.violations, r.passes.length]))"
    )
    serious = [
        (fault["id"], [node["html"][:200] for node in fault["nodes"]][:3])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    return serious, passed
