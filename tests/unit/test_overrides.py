"""--set on the harness's command line."""

from pathlib import Path

import pytest

from contract import CallError
from harness.models.overrides import Override, parse_overrides
from harness.models.registry import choose_models

MODELS = choose_models(["unet", "otsu"])


def test_a_key_goes_to_every_model_that_has_it_and_the_last_one_counts() -> None:
    found = parse_overrides(["steps=3", "unet.steps=7", "crop=64"], MODELS)
    assert found == {
        "unet": (Override(key="steps", value="7"), Override(key="crop", value="64")),
    }


def test_a_path_is_a_file_and_its_content_is_what_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w.pth").write_bytes(b"one")
    monkeypatch.chdir(tmp_path)
    (override,) = parse_overrides(["tta=./w.pth"], MODELS)["unet"]
    assert override.file == tmp_path / "w.pth"
    assert override.text == f"tta={tmp_path / 'w.pth'}"
    before = override.fingerprint()
    (tmp_path / "w.pth").write_bytes(b"two")
    assert override.fingerprint() != before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("step=3", "did you mean 'steps'"),
        ("steps", "no setting 'steps'"),
        ("otsu.steps=3", "no model 'otsu' is trained here"),
        ("unett.steps=3", "no model 'unett'"),
        ("unet.zzz=3", "no setting 'zzz'"),
        ("tta=/no/such/file", "there is no file /no/such/file"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(CallError) as error:
        parse_overrides([text], MODELS)
    assert words in str(error.value)


def test_models_that_do_not_learn_have_no_settings() -> None:
    assert parse_overrides([], choose_models(["otsu", "somebody/image:1"])) == {}
