"""What licences allow, in words, and weights that are not for everybody."""

import json
from pathlib import Path

import pytest

from contract import CallError
from evaluator.runs.licences import freedom, least_free, told_licences
from harness.commands.listing import may_be_used
from harness.models.bake import refuse_unfree
from harness.models.registry import all_models, choose_models
from harness.weights.card import read_card


@pytest.mark.parametrize(
    ("licence", "word"),
    [
        ("CC0-1.0", "free"), ("MIT", "with notice"), ("BSD-3-Clause", "with notice"),
        ("CC-BY-4.0", "with notice"), ("CC BY-NC-SA 3.0 (images)", "academic only"),
        ("for academic use", "academic only"), ("none stated", "not known"), (None, "not known"),
    ],
)  # fmt: skip
def test_a_licence_is_a_word(licence: str | None, word: str) -> None:
    assert freedom(licence) == word


def test_the_least_free_part_decides() -> None:
    assert least_free(["CC0-1.0", "MIT"]) == "with notice"
    assert least_free(["CC-BY-NC-4.0", "MIT", None]) == "academic only"
    assert told_licences("MIT", "CC-BY-NC-4.0", ["CC0-1.0"]) == (
        "code with notice (MIT); weights academic only (CC-BY-NC-4.0); training data free (CC0-1.0)"
    )
    assert told_licences("MIT", None, None) == "code with notice (MIT)"


def test_models_say_the_licences_of_their_own_cards() -> None:
    for model in all_models().values():
        card = read_card(model.shipped_weights) if model.shipped_weights else None
        if card is not None:
            assert model.card.weights_licence == card.licence
            assert set(model.card.data_licences or ()) == {one.licence for one in card.data}
        assert may_be_used(model) in ("free", "with notice"), model.name


@pytest.mark.parametrize(
    ("start", "terms", "ending"),
    [
        ("none", "CC-BY-NC-4.0", "free"),
        ("weights that come with the model", "CC-BY-NC-4.0", "free"),
        ("someone's network", "Apache-2.0", "free"),
        ("someone's network", None, "said"),
        ("someone's network", "CC-BY-NC-4.0", "refused"),
    ],
)
def test_baking_minds_what_a_training_started_from(
    tmp_path: Path, start: str, terms: str | None, ending: str
) -> None:
    (model,) = choose_models(["unet"])
    card = model.card.model_copy(update={"pretrained_licence": terms})
    changed = type(model)(card=card, folder=model.folder)
    (tmp_path / "weights.json").write_text(json.dumps({"pretrained": start}))
    said: list[str] = []
    if ending == "refused":
        with pytest.raises(CallError, match="whose licence is CC-BY-NC-4") as refused:
            refuse_unfree(changed, tmp_path, said.append)
        assert "--i-may" in str(refused.value)
    else:
        refuse_unfree(changed, tmp_path, said.append)
    assert bool(said) == (ending == "said")
