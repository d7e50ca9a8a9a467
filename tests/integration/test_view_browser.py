"""The local page in a real browser: tiles, layers, zoom, and nothing from elsewhere."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.ui import WebDriverWait

from contract import write_mask
from harness.view.server import Server, View
from harness.view.subject import find_subject
from tests.browser import open_browser, serious_faults
from tests.unit.test_view import cells, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two images of 700×900 pixels with truth and masks."""
    place = tmp_path_factory.mktemp("looked at")
    truth, predicted = cells()
    for folder in ("images", "truth", "masks"):
        (place / folder).mkdir()
    for name in ("<b>a", "c"):
        tifffile.imwrite(place / f"images/{name}.tif", np.where(truth > 0, 200, 20).astype("u1"))
        write_mask(place / f"truth/{name}_label.tiff", truth)
        write_mask(place / f"masks/{name}_label.tiff", predicted)
    subject = find_subject(place / "masks", place / "images", place / "truth")
    with serving(View(subject=subject)) as running:
        yield running


@pytest.fixture(scope="module")
def page(
    chromium: Path, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[webdriver.Chrome]:
    logs = {"browser": "ALL", "performance": "ALL"}
    browser = open_browser(tmp_path_factory.mktemp("browser"), **{"goog:loggingPrefs": logs})
    metrics = {"width": 1000, "height": 700, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(server.address)
    yield browser
    browser.quit()


def wait(page: webdriver.Chrome, condition: Callable[[webdriver.Chrome], object]) -> None:
    WebDriverWait(page, 120).until(condition)


def layers(page: webdriver.Chrome) -> list[str]:
    return page.execute_script(
        "return [...document.querySelectorAll('.layer')].map((one) => one.dataset.layer)"
    )


def drawn(page: webdriver.Chrome) -> bool:
    """Whether there are tiles and all of them have come."""
    return page.execute_script(
        "const all = [...document.querySelectorAll('.layer img')];"
        "return all.length > 0 && all.every((one) => one.complete && one.naturalWidth > 0)"
    )


def level(page: webdriver.Chrome) -> str:
    return page.execute_script("return document.querySelector('.stage').dataset.level")


def press(page: webdriver.Chrome, *keys: str) -> None:
    ActionChains(page).send_keys(*keys).perform()


def test_an_image_is_shown_with_its_layers_and_can_be_looked_into(
    page: webdriver.Chrome, server: Server
) -> None:
    wait(page, drawn)
    assert page.title == "masks: cellbench view"
    assert layers(page) == ["picture/0", "truth/0", "missed/0", "found/0"]
    assert "1 of 2, 900×700" in page.find_element(By.CSS_SELECTOR, '[role="status"]').text
    options = Select(page.find_element(By.CSS_SELECTOR, '[data-part="choice"]')).options
    assert [option.text for option in options] == ["<b>a.tif", "c.tif"]
    assert level(page) == "1"

    press(page, "t")
    wait(page, lambda _: layers(page) == ["picture/0", "missed/0", "found/0"])
    press(page, "+", "+", "+")
    wait(page, lambda _: level(page) == "0" and drawn(page))
    tiles = page.find_elements(By.CSS_SELECTOR, ".layer[data-layer='picture/0'] .tile")
    assert 1 < len(tiles) <= 12

    Select(page.find_element(By.CSS_SELECTOR, '[data-part="colours"]')).select_by_value("model")
    wait(page, lambda _: layers(page) == ["picture/0", "cells/0"])
    mask = page.execute_script(
        "const tile = document.querySelector('[data-layer=\"cells/0\"] .tile');"
        "return getComputedStyle(tile).maskImage"
    )
    assert server.view.token in mask

    page.find_element(By.CSS_SELECTOR, '[data-action="next"]').click()
    wait(page, lambda _: "2 of 2" in page.find_element(By.CSS_SELECTOR, '[role="status"]').text)
    wait(page, drawn)
    stage = page.find_element(By.CSS_SELECTOR, ".stage")
    before = page.find_element(By.CSS_SELECTOR, ".tile").get_attribute("style")
    press(page, "+")
    ActionChains(page).drag_and_drop_by_offset(stage, 40, 30).perform()
    assert page.find_element(By.CSS_SELECTOR, ".tile").get_attribute("style") != before
    press(page, Keys.ARROW_LEFT)
    wait(page, lambda _: "1 of 2" in page.find_element(By.CSS_SELECTOR, '[role="status"]').text)

    assert page.get_log("browser") == []
    for entry in page.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            address = message["params"]["request"]["url"]
            own = address.startswith((server.address, "data:", "chrome:"))
            assert own, address  # a browser's own first page comes before ours


def test_axe_finds_no_serious_fault(page: webdriver.Chrome) -> None:
    wait(page, lambda _: page.execute_script("return document.querySelectorAll('.tile').length"))
    serious, passed = serious_faults(page)
    assert passed > 10, "the rules were run"
    assert serious == []
