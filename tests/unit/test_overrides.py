"""--set on the harness's command line."""

from pathlib import Path

import pytest

from contract import CallError
from harness.models.describe import describe
from harness.models.overrides import Known, Override, checked_overrides, parse_overrides
from harness.models.registry import choose_models

MODELS = choose_models(["unet", "otsu"])
KNOWN: Known = {"unet": {"steps": {}, "crop": {}, "tta": {}}, "ours": None}


def test_a_key_goes_to_every_model_that_has_it_and_the_last_one_counts() -> None:
    known: Known = {"unet": {"steps": {}, "crop": {}}, "sac": {"steps": {}}}
    found = parse_overrides(["steps=3", "unet.steps=7", "crop=64"], known)
    assert found == {
        "unet": (Override(key="steps", value="7"), Override(key="crop", value="64")),
        "sac": (Override(key="steps", value="3"),),
    }


def test_a_model_of_which_nothing_is_known_takes_any_key() -> None:
    found = parse_overrides(["ours.speed=3", "steps=4", "zzz=[1]"], KNOWN)
    assert [override.key for override in found["ours"]] == ["speed", "steps", "zzz"]
    assert [override.key for override in found["unet"]] == ["steps"]


def test_a_path_is_a_file_and_its_content_is_what_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w.pth").write_bytes(b"one")
    monkeypatch.chdir(tmp_path)
    (override,) = parse_overrides(["tta=./w.pth"], KNOWN)["unet"]
    assert override.file == tmp_path / "w.pth"
    assert override.text == f"tta={tmp_path / 'w.pth'}"
    before = override.fingerprint()
    (tmp_path / "w.pth").write_bytes(b"two")
    assert override.fingerprint() != before


def test_what_is_said_for_a_setting_that_wants_a_file_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w.pth").touch()
    monkeypatch.chdir(tmp_path)
    models = choose_models(["maunet"])
    (override,) = checked_overrides(["encoder_weights=w.pth"], models, "tiny")["maunet"]
    assert override.file == tmp_path / "w.pth"
    (override,) = checked_overrides(["encoder_weights=null"], models, "tiny")["maunet"]
    assert override.file is None
    with pytest.raises(CallError, match=r"there is no file .*/v\.pth"):
        checked_overrides(["encoder_weights=v.pth"], models, "tiny")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("unet.step=3", "did you mean 'steps'"),
        ("steps", "no KEY=VALUE"),
        ("=3", "no KEY=VALUE"),
        ("unet.=3", "no setting ''"),
        (".steps=3", "no model ''"),
        ("otsu.steps=3", "no model 'otsu' is trained here"),
        ("unett.steps=3", "no model 'unett' is trained here; did you mean 'unet'?"),
        ("unet.zzz=3", "no setting 'zzz'"),
        ("unet.scales=[1", "no YAML"),
        ("tta=/no/such/file", "there is no file /no/such/file"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(CallError) as error:
        parse_overrides([text], KNOWN)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["crop=0"], "unet: --set crop=0: crop must be a whole number from 16 to 8192, not 0"),
        (["batch_size=0"], "batch_size must be a whole number from 1 to 4096, not 0"),
        (["zoom_min=0"], "zoom_min must be a number from 0.01 to 100, not 0"),
        (["learning_rate=-1"], "learning_rate must be a number above 0 and at most 1, not -1"),
        (["overlap=1.0"], "overlap must be a number from 0 to 0.9, not 1.0"),
        (["tile=50"], "tile must be a multiple of 32 from 64 to 8192, not 50"),
        (["shares=0"], "shares must be a whole number from 1 to 256, not 0"),
        (["noise_probability=7"], "noise_probability must be a number from 0 to 1, not 7"),
        (["steps=5", "epochs=3"], "profile quick --set steps=5 --set epochs=3: steps is 5 and"),
        (["crops=3"], "no setting 'crops'; did you mean 'crop'?"),
    ],
)
def test_the_model_itself_says_what_is_out_of_range(texts: list[str], words: str) -> None:
    with pytest.raises(CallError) as error:
        checked_overrides(texts, MODELS, "quick")
    assert words in str(error.value)


def test_what_no_profile_lists_may_be_set() -> None:
    found = checked_overrides(["scales=[1.0,0.5]"], MODELS, "tiny")
    assert found == {"unet": (Override(key="scales", value="[1.0,0.5]"),)}


def test_an_unknown_profile_is_refused_by_the_model() -> None:
    with pytest.raises(CallError, match=r"unet: .*no profile 'quik'; did you mean 'quick'\?"):
        checked_overrides([], MODELS, "quik")


def test_models_that_do_not_learn_have_no_settings() -> None:
    assert checked_overrides([], choose_models(["otsu", "somebody/image:1"]), "quick") == {}
    assert describe(choose_models(["somebody/image:1"])[0]) is None
