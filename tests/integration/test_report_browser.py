"""The report in a real browser: no requests, no errors, tables, viewer, small screens."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from evaluator.report import build_report
from tests.browser import open_browser, serious_faults
from tests.unit.report_fixtures import NAMES, make_run


@pytest.fixture(scope="module")
def driver(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    home = tmp_path_factory.mktemp("browser")
    logs = {"browser": "ALL", "performance": "ALL"}
    browser = open_browser(home, **{"goog:loggingPrefs": logs})
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = make_run(tmp_path_factory.mktemp("page"), broken=False)
    return build_report(run, run / "report").index_html.as_uri()


@pytest.fixture
def page(driver: webdriver.Chrome, address: str) -> webdriver.Chrome:
    """The report, freshly opened in a window of 1200×900 in light colours."""
    screen(driver, 1200, 900)
    colours(driver, "light")
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(address)
    return driver


def screen(driver: webdriver.Chrome, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def colours(driver: webdriver.Chrome, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def column(page: webdriver.Chrome, table: str, place: int) -> list[str]:
    cells = page.find_elements(By.CSS_SELECTOR, f"#table-{table} tbody tr > :nth-child({place})")
    return [cell.text for cell in cells if cell.is_displayed()]


def part(page: webdriver.Chrome, name: str) -> WebElement:
    return page.find_element(By.CSS_SELECTOR, f'[data-part="{name}"]')


def layers(page: webdriver.Chrome) -> list[str | None]:
    found = page.find_elements(By.CSS_SELECTOR, ".canvas .layer")
    return [layer.get_attribute("data-layer") for layer in found]


def press(page: webdriver.Chrome, *keys: str) -> None:
    stage = part(page, "stage")
    page.execute_script("arguments[0].focus({preventScroll: true})", stage)
    ActionChains(page).send_keys(*keys).perform()


def test_nothing_is_requested_and_nothing_goes_wrong(page: webdriver.Chrome, address: str) -> None:
    press(page, Keys.ARROW_RIGHT, "2")
    assert page.get_log("browser") == []
    sent = [
        message["params"]["request"]["url"]
        for entry in page.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"]
        == "Network.requestWillBeSent"
    ]
    assert address in sent
    assert [url for url in sent if not url.startswith("data:") and url != address] == []


def test_a_column_is_sorted_by_its_button(page: webdriver.Chrome) -> None:
    heads = page.find_elements(By.CSS_SELECTOR, "#table-summary thead button")
    f1 = next(head for head in heads if head.text.startswith("Mean F1"))
    f1.send_keys(Keys.ENTER)
    assert column(page, "summary", 1) == ["oracle", "good", "fair"]
    f1.send_keys(Keys.ENTER)
    assert column(page, "summary", 1) == ["fair", "good", "oracle"]
    cell = f1.find_element(By.XPATH, "..")
    assert cell.get_attribute("aria-sort") == "ascending"
    heads[0].click()
    assert column(page, "summary", 1) == ["fair", "good", "oracle"]
    assert cell.get_attribute("aria-sort") is None


def test_numbers_sort_as_numbers_and_totals_stay_last(page: webdriver.Chrome) -> None:
    heads = page.find_elements(By.CSS_SELECTOR, "#table-images thead button")
    next(head for head in heads if head.text.startswith("True cells")).click()
    shown = [int(text) for text in column(page, "images", 3)]
    assert shown == sorted(shown, reverse=True)
    assert len(shown) == 12


def test_rows_are_filtered_by_words(page: webdriver.Chrome) -> None:
    field = page.find_element(By.CSS_SELECTOR, ".filter input")
    field.send_keys("phase CELL")
    assert set(column(page, "images", 1)) == {
        name for place, name in enumerate(NAMES) if place % 3 == 2 and "cell" in name
    }
    assert page.find_element(By.CSS_SELECTOR, ".filter [role=status]").text == "4 of 12"
    field.clear()
    field.send_keys("x", Keys.BACKSPACE)
    assert len(column(page, "images", 1)) == 12


def test_the_viewer_switches_its_layers(page: webdriver.Chrome) -> None:
    assert layers(page) == ["picture", "truth", "0-missed", "0"]
    page.find_element(By.CSS_SELECTOR, 'input[data-layer="1"]').click()
    assert layers(page) == ["picture", "truth", "0-missed", "0", "1-missed", "1"]
    press(page, "1", "t", "i")
    assert layers(page) == ["1-missed", "1"]
    Select(part(page, "colours")).select_by_value("model")
    assert layers(page) == ["1"], "coloured by model, a layer shows the prediction alone"
    assert not part(page, "legend").is_displayed()


def test_the_pictures_of_the_viewer_are_drawn(page: webdriver.Chrome) -> None:
    sizes = page.execute_script(
        "return Promise.all([...document.querySelectorAll('.canvas img')].map("
        "async (image) => { await image.decode(); return image.naturalWidth; }))"
    )
    assert sizes == [360] * 4, "120 pixels, enlarged three times"
    box = page.find_element(By.CSS_SELECTOR, ".canvas .layer").rect
    assert box["width"] / box["height"] == pytest.approx(120 / 96, rel=0.02)


def test_arrow_keys_and_names_choose_the_image(page: webdriver.Chrome) -> None:
    choice = Select(part(page, "choice"))
    assert choice.first_selected_option.text == "a&b.png (fluorescence)"
    press(page, Keys.ARROW_RIGHT)
    assert choice.first_selected_option.text == f"{NAMES[1]} (brightfield)"
    press(page, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert choice.first_selected_option.text.startswith(NAMES[-1])
    names = page.find_elements(By.CSS_SELECTOR, "#table-images tbody th button")
    next(name for name in names if name.text == "cell 3.png").send_keys(Keys.ENTER)
    assert choice.first_selected_option.text.startswith("cell 3.png")
    assert page.switch_to.active_element == part(page, "stage")


def test_zoom_and_pan(page: webdriver.Chrome) -> None:
    def matrix() -> list[float]:
        canvas = part(page, "canvas")
        return page.execute_script(
            "const m = new DOMMatrix(getComputedStyle(arguments[0]).transform);"
            "return [m.a, m.e, m.f]",
            canvas,
        )

    press(page, Keys.SHIFT, Keys.ARROW_RIGHT, Keys.NULL)
    assert matrix() == [1, 0, 0], "the whole image cannot be moved away"
    press(page, "+")
    scale, left, top = matrix()
    assert scale == pytest.approx(1.5)
    assert left < 0
    assert top < 0
    ActionChains(page).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(Keys.SHIFT).perform()
    assert matrix()[1] == pytest.approx(left - 60)
    stage = part(page, "stage")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", stage)
    ActionChains(page).drag_and_drop_by_offset(stage, 30, 20).perform()
    assert matrix()[1:] == pytest.approx([left - 30, top + 20], abs=1)
    press(page, "0")
    assert matrix() == [1, 0, 0]


@pytest.mark.parametrize("width", [390, 768, 1200])
def test_the_page_never_scrolls_sideways(page: webdriver.Chrome, width: int) -> None:
    screen(page, width, 800)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    boxes: list[dict[str, Any]] = page.execute_script(
        "return [...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll')"
        " && !e.closest('.stage') && !e.closest('.skip')"
        " && e.getBoundingClientRect().right > innerWidth + 1)"
        ".map((e) => [e.tagName, e.className, e.textContent.slice(0, 40)])"
    )
    assert boxes == []


def test_only_boxes_that_scroll_are_stops_for_the_tab_key(page: webdriver.Chrome) -> None:
    def stops() -> dict[str, bool]:
        return page.execute_script(
            "return new Promise((done) => requestAnimationFrame(() => setTimeout(() => done("
            "Object.fromEntries([...document.querySelectorAll('.scroll:has(table)')].map((e) =>"
            " [e.querySelector('table').id, e.hasAttribute('tabindex')]))), 50)))"
        )

    wide = stops()
    assert not wide["table-outcomes"]
    screen(page, 390, 800)
    narrow = stops()
    assert narrow["table-summary"]
    assert not narrow["table-outcomes"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(page: webdriver.Chrome, scheme: str) -> None:
    colours(page, scheme)
    serious, passed = serious_faults(page)
    assert passed > 20, "the rules were run"
    assert serious == []


def test_without_scripts_the_tables_and_samples_are_there(page: webdriver.Chrome) -> None:
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.refresh()
        source = page.find_element(By.ID, "table-summary").text
        assert "good" in source
        assert not page.find_element(By.ID, "viewer-box").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_script_in_the_page_that_is_not_ours_does_not_run(
    driver: webdriver.Chrome, address: str, tmp_path: Path
) -> None:
    text = Path(address.removeprefix("file://")).read_text("utf-8")
    (tmp_path / "index.html").write_text(
        text.replace("</footer>", "</footer><script>document.title = 'broken'</script>"), "utf-8"
    )
    driver.get((tmp_path / "index.html").as_uri())
    assert driver.title == "cellbench report: hand-made"
    assert part(driver, "canvas").find_elements(By.CSS_SELECTOR, "img")
