"""The sheet for experts in a real browser: answers are saved by it and scored."""

import time
from pathlib import Path

from selenium.webdriver.common.by import By

from evaluator.synthetic.expert.score import score_answers
from evaluator.synthetic.expert.sheet import make_sheet
from tests.browser import open_browser, serious_faults
from tests.unit.synthetic_fixtures import write_folder


def test_answers_are_saved_by_the_page_and_scored(chromium: Path, tmp_path: Path) -> None:
    real, made = (
        write_folder(tmp_path / name, range(k, k + 2)) for name, k in (("r", 0), ("m", 9))
    )
    paths = make_sheet(real, made, tmp_path / "out", 10)
    browser = open_browser(tmp_path, **{"goog:loggingPrefs": {"browser": "ALL"}})
    try:
        folder = {"behavior": "allow", "downloadPath": str(tmp_path / "saved")}
        browser.execute_cdp_cmd("Browser.setDownloadBehavior", folder)
        browser.get(paths.sheet.as_uri())
        faults, passed = serious_faults(browser)
        assert not faults
        assert passed > 5
        for item in ("001", "002", "003"):
            browser.find_element(By.CSS_SELECTOR, f'input[name="{item}"][value="real"]').click()
        told = browser.find_element(By.ID, "told")
        assert told.text == "3 of 10 answered"
        browser.find_element(By.TAG_NAME, "button").click()
        assert "name" in told.text
        browser.find_element(By.ID, "expert").send_keys('Ann "the eye"')
        browser.find_element(By.TAG_NAME, "button").click()
        saved = tmp_path / "saved/answers-Ann_the_eye_.csv"
        for _ in range(600):
            if saved.is_file():
                break
            time.sleep(0.2)
        assert browser.get_log("browser") == []
    finally:
        browser.quit()
    score = score_answers([saved], paths.key)
    assert [one.name for one in score.experts] == ['Ann "the eye"']
    assert score.accuracy.answers == 3
