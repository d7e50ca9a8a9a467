"""Settings: profiles that inherit, overrides, and what each model refuses before it begins."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import Field

from contract import CallError, ExistingFile, ModelCard, SettingsModel
from contract.profiles import parse_override, parse_yaml, read_profile
from contract.settings import expected, read_settings, schema
from tests.programs import ROOT, finish, module
from tests.unit.settings_fixtures import MODELS, PROFILES, profile_values, segmenter_of


class Own(SettingsModel):
    """Settings as a model declares them."""

    steps: Annotated[int, Field(ge=1, le=10**6)] = 10
    """Optimiser
    steps."""
    rate: float = Field(default=0.1, gt=0, lt=1)
    sizes: list[Annotated[int, Field(ge=1)]] | None = Field(default=None, min_length=2)
    kind: Literal["a", "b"] = "a"
    flag: bool = False
    tile: Annotated[int, Field(ge=64, multiple_of=32)] = 64
    file: ExistingFile | None = None


def write(folder: Path, **profiles: str) -> Path:
    for name, text in profiles.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def refusal(folder: Path, profile: str, *overrides: str) -> str:
    with pytest.raises(CallError) as error:
        read_settings(folder, profile, overrides, (Own,))
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("null", None), ("true", True), ("3", 3), ("-3", -3), ("010", 10),
        ("1e-4", 1e-4), ("2E5", 2e5), (".5", 0.5), ("1e400", math.inf), ("-.inf", -math.inf),
        ("on", "on"), ("1:30", "1:30"), ("2020-01-01", "2020-01-01"), ("'3'", "3"),
        ("[1, 2.0, a]", [1, 2.0, "a"]), ("{a: [1]}", {"a": [1]}), ("~/x y.pth", "~/x y.pth"),
    ],
)  # fmt: skip
def test_yaml_is_read_as_people_mean_it(text: str, value: object) -> None:
    assert parse_yaml(text) == value
    assert type(parse_yaml(text)) is type(value)


@pytest.mark.parametrize(
    "text", ["[1", "{a: 1, a: 2}", "!!set {a}", "{1: 2}", "&a [*a]", "[" * 1500, "9" * 5000, "@"]
)
def test_what_is_no_yaml_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_yaml(text)
    with pytest.raises(CallError, match="the value is no YAML"):
        parse_override(f"key={text}")


@pytest.mark.parametrize("text", ["=3", " =3", "steps", ""])
def test_an_override_has_a_key_and_an_equals_sign(text: str) -> None:
    with pytest.raises(CallError, match=r"no KEY=VALUE"):
        parse_override(text)


def test_a_profile_inherits_along_a_chain(tmp_path: Path) -> None:
    write(
        tmp_path,
        report="steps: 3\nrate: 0.5\nkind: b\n",
        quick="extends: report\nsteps: 4\n",
        tiny="# the shortest\nextends: quick\nrate: 0.25\n",
    )
    assert read_profile(tmp_path, "tiny") == {"steps": 4, "rate": 0.25, "kind": "b"}
    values = read_settings(tmp_path, "tiny", ["steps=7", "steps=8", "sizes=[1, 2]"], (Own,))
    assert values == Own(steps=8, rate=0.25, kind="b", sizes=[1, 2]).model_dump()


@pytest.mark.parametrize(
    ("profiles", "words"),
    [
        ({"tiny": "extends: tiny"}, "tiny -> tiny"),
        ({"tiny": "extends: a", "a": "extends: b", "b": "extends: a"}, "a -> b -> a"),
        ({"tiny": "extends: quik", "quick": ""}, "profile tiny extends 'quik', and there is no"),
        ({"tiny": "extends: quik", "quick": ""}, "did you mean 'quick'?"),
        ({"tiny": "extends: [quick]", "quick": ""}, "which is no name"),
        ({"tinny": ""}, "no profile 'tiny'; did you mean 'tinny'?"),
        ({}, "no profile 'tiny'."),
        ({"tiny": "steps: 1\nsteps: 2"}, "tiny.yaml is no YAML: the key 'steps'"),
        ({"tiny": "steps"}, "holds no settings"),
        ({"tiny": "a: ["}, "tiny.yaml is no YAML"),
    ],
)
def test_profiles_that_make_no_sense_are_refused(
    tmp_path: Path, profiles: Mapping[str, str], words: str
) -> None:
    with pytest.raises(CallError) as error:
        read_profile(write(tmp_path, **profiles), "tiny")
    assert words in str(error.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CallError, match=r"tiny\.yaml is no YAML"):
        read_profile(tmp_path, "tiny")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("steps=0", "--set steps=0: steps must be a whole number from 1 to 1,000,000, not 0"),
        ("steps=1.0", "not 1.0"),
        ("steps=true", "not true"),
        ("steps='3'", 'not "3"'),
        ("steps=", "not null"),
        ("steps=9999999", "not 9999999"),
        ("rate=1", "rate must be a number above 0 and below 1, not 1"),
        ("rate=nan", 'not "nan"'),
        ("rate=.nan", "not NaN"),
        ("rate=1e400", "not Infinity"),
        ("sizes=[1]", "sizes must be a list of length at least 2, each a whole number of at least"),
        ("sizes=[1, 0]", "at least 1 or null, number 2 of the list is 0"),
        ("sizes=3", "or null, not 3"),
        ("sizes={a: 1}", 'not {"a": 1}'),
        ("kind=c", 'kind must be one of a, b, not "c"'),
        ("flag=1", "flag must be true or false, not 1"),
        ("tile=50", "tile must be a multiple of 32 of at least 64, not 50"),
        ("file=/no/such", "--set file=/no/such: there is no file /no/such"),
        ("file=3", "file must be a text or null, not 3"),
        ("step=3", "--set step=3: no setting 'step'; did you mean 'steps'?"),
        ("extends=tiny", "no setting 'extends'"),
        ("zzz=3", "choose one of: file, flag, kind, rate, sizes, steps, tile"),
    ],
)
def test_key_value_and_range_are_named(tmp_path: Path, override: str, words: str) -> None:
    assert words in refusal(write(tmp_path, tiny="steps: 3"), "tiny", override)


def test_what_the_profile_says_is_checked_too(tmp_path: Path) -> None:
    write(tmp_path, tiny="steps: 0", quick="extends: tiny", other="stepz: 1")
    assert "profile quick: steps must be" in refusal(tmp_path, "quick")
    assert "profile other: no setting 'stepz'; did you mean 'steps'?" in refusal(tmp_path, "other")


def test_where_nothing_is_mounted_no_file_is_looked_for(tmp_path: Path) -> None:
    write(tmp_path, tiny="file: /no/such")
    assert read_settings(tmp_path, "tiny", [], (Own,), files=False)["file"] == "/no/such"
    assert "there is no file /no/such" in refusal(tmp_path, "tiny")


def test_a_whole_number_is_taken_for_a_number(tmp_path: Path) -> None:
    class Wide(SettingsModel):
        rate: float = 0.5

    values = read_settings(write(tmp_path, tiny="rate: 2"), "tiny", [], (Wide,))
    assert values == {"rate": 2.0}
    assert isinstance(values["rate"], float)


def test_a_model_that_declares_nothing_takes_anything(tmp_path: Path) -> None:
    values = read_settings(write(tmp_path, tiny="steps: 3"), "tiny", ["lstm=[1]"], None)
    assert values == {"steps": 3, "lstm": [1]}


def test_the_schema_holds_ranges_defaults_and_descriptions() -> None:
    rules = schema((Own,))
    assert rules["additionalProperties"] is False
    assert rules["properties"]["steps"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 10**6,
        "default": 10,
        "description": "Optimiser steps.",
    }


# the models


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_valid(model: str, profile: str) -> None:
    values = profile_values(model, profile)
    assert set(values) == set(schema(segmenter_of(model).settings)["properties"])


@pytest.mark.parametrize("model", MODELS)
def test_every_profile_inherits_or_is_inherited(model: str) -> None:
    """So that each file says what differs from another; and no line repeats what is inherited."""
    folder = ROOT / "containers" / model / "profiles"
    files = {name: yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in PROFILES}
    assert sum("extends" not in file for file in files.values()) == 1
    for file in files.values():
        parent = read_profile(folder, file.pop("extends")) if "extends" in file else {}
        assert not [key for key, value in file.items() if key in parent and parent[key] == value]


@pytest.mark.parametrize("model", MODELS)
def test_every_setting_can_be_set_and_is_explained(model: str) -> None:
    for key, rule in schema(segmenter_of(model).settings)["properties"].items():
        value = profile_values(model, "quick")[key]
        assert profile_values(model, "quick", **{key: value})[key] == value
        assert rule.get("description") or rule.get("enum"), key
        assert "default" in rule, key
        for number in numbers(rule):
            assert "minimum" in number or "exclusiveMinimum" in number, key
            assert "maximum" in number or "exclusiveMaximum" in number, key


@pytest.mark.parametrize("model", MODELS)
def test_what_lies_outside_of_a_range_is_refused(model: str) -> None:
    for key, rule in schema(segmenter_of(model).settings)["properties"].items():
        for value in wrong_values(rule):
            with pytest.raises(CallError) as error:
                profile_values(model, "quick", **{key: value})
            assert f"{key}=" in error.value.what, (key, value)


def numbers(rule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The parts of a rule that are about numbers."""
    parts = [*rule.get("anyOf", ()), *([rule["items"]] if "items" in rule else [])]
    found = [number for part in parts for number in numbers(part)]
    return [*found, rule] if rule.get("type") in ("integer", "number") else found


def wrong_values(rule: Mapping[str, Any]) -> list[Any]:
    """Values of the wrong type and beyond each end."""
    if "anyOf" in rule:
        (own,) = (option for option in rule["anyOf"] if option["type"] != "null")
        return [value for value in wrong_values(own) if value is not None]
    if "enum" in rule:
        return [None, "nonsense", 3, True, []]
    match rule["type"]:
        case "integer" | "number":
            beyond = [rule.get("exclusiveMinimum"), rule.get("exclusiveMaximum")]
            beyond += [rule["minimum"] - 1] if "minimum" in rule else []
            beyond += [rule["maximum"] + 1] if "maximum" in rule else []
            halves = [1.5, 2.0] if rule["type"] == "integer" else []
            wrong = [None, "many", True, [1], math.nan, math.inf, -math.inf]
            return wrong + halves + [value for value in beyond if value is not None]
        case "array":
            least, most = rule.get("minItems", 0), rule.get("maxItems", 0)
            short = [[0.5] * (least - 1)] if least else []
            return [None, 3, "many", {}, ["x"] * max(1, least), [0] * (most + 1000), *short]
        case "boolean":
            return [1, "yes", None]
        case kind:
            assert kind == "string"
            return [3, True, [], None]


@pytest.mark.parametrize(
    ("model", "overrides", "words"),
    [
        ("unet", {"crop": 100}, "crop 100 must be a multiple of"),
        ("unet", {"crop": 16, "strides": [2, 2, 4]}, "at least 32"),
        ("unet", {"strides": [2, 2]}, "one stride fewer"),
        ("unet", {"strides": [4, 4, 4], "crop": 256}, "must divide 32"),
        ("unet", {"strides": [3, 1, 1], "crop": 96}, "must divide 32"),
        ("unet", {"strides": [4, 4, 2], "scales": [0.5]}, "scales [0.5] show the network windows"),
        ("unet", {"epochs": 3}, "steps is 1300 and epochs is 3"),
        ("unet", {"steps": None}, "steps and epochs are both null"),
        ("unet", {"zoom_min": 3}, "zoom_min 3.0 is above zoom_max 2.0"),
        ("unet", {"device": "cpu", "precision": "fp16"}, "precision fp16 needs a GPU"),
        ("unet", {"lstm": [1]}, "no setting 'lstm'"),
        ("maunet", {"second_encoder_weights": __file__}, "has only one"),
        ("maunet", {"encoder_weights": "/no/such"}, "there is no file /no/such"),
        ("lstmunet", {"kernel": 4}, "kernel must be odd"),
        ("lstmunet", {"lstm": [8, 8]}, "of length 4"),
        ("nnunet", {"crop": 100}, "crop 100 must be a multiple of 16"),
        ("nnunet", {"features": [8, 8]}, "of length 3 to 10"),
        ("nnunet", {"zoom_min": 3}, "zoom_min 3.0 is above"),
        ("sac", {"crop": 64}, "crop 64, tile 128 and image_size 128"),
        ("sac", {"patch": 24}, "image_size 128 must be a multiple of patch 24"),
        ("sac", {"patch": 16}, "generator_channels"),
        ("sac", {"heads": 5}, "width 96 must be a multiple of heads 5"),
        ("sac", {"decoder_heads": 5}, "must be a multiple of decoder_heads 5"),
        ("sac", {"global_blocks": [3]}, "global_blocks [3]"),
        ("sac", {"reject": 0.7}, "reject 0.7 is above accept 0.6"),
        ("sac", {"checkpoint": "/no/such"}, "there is no file /no/such"),
        ("sac", {"scales": [1.0]}, "no setting 'scales'"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    model: str, overrides: dict[str, Any], words: str
) -> None:
    with pytest.raises(CallError) as error:
        profile_values(model, "quick", **overrides)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "key",
    [
        "clip_gradient", "stretch", "noise_probability", "gamma_probability", "blur_probability",
        "histogram_probability", "colour_probability", "invert_probability", "tile", "scales",
    ],
)  # fmt: skip
def test_nnunet_refuses_what_it_would_not_heed(key: str) -> None:
    with pytest.raises(CallError, match=f"no setting '{key}'"):
        profile_values("nnunet", "quick", **{key: 0.5})


@pytest.mark.parametrize("model", MODELS)
def test_describe_needs_no_torch(model: str, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('torch was imported')")
    command = module(f"containers.{model}.segmenter", "describe", "--profile", "tiny")
    ended = finish(command, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    card = ModelCard.model_validate_json(ended.stdout)
    assert card.profiles == tuple(sorted(PROFILES))
    assert card.settings == json.loads(json.dumps(schema(segmenter_of(model).settings)))
    assert card.values == profile_values(model, "tiny")
    assert all(expected(rule) for rule in card.settings["properties"].values())
