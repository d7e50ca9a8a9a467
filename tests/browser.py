"""Headless Chromium, driven as a reader drives a browser."""

import os
import shutil
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

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
