"""The harness has labelled images made: what generators are given, and what is taken from them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from contract import CallError, ExitCode, GeneratedLine, ModelCard, read_card, read_generated
from contract.dataset import training_pairs
from evaluator.runs.read import read_usage
from harness.datasets.folder import load_training, split_training
from harness.models.registry import Model
from harness.runners.choose import Chosen
from harness.runners.local import LocalRunner
from harness.work.generate_folder import generate_folder, refuse_call
from harness.work.generating import Generated, Generating
from harness.work.staging import tables_of
from tests.datasets import add_pair, make_dataset
from tests.programs import run
from tests.unit.generator_fixtures import asked, contents, order, write_generator
from tests.unit.harness_items import LIMITS, Heard

TRAINING = 6


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data", train=TRAINING)


@pytest.fixture
def dots(tmp_path: Path) -> Model:
    folder = write_generator(tmp_path, "dots", kind="generator", masks=["real", "sampled"])
    return Model(card=read_card(folder), folder=folder)


def make(model: Model, data: Path, folder: Path, count: int = 3, **changes: Any) -> Generated:
    folder.mkdir(exist_ok=True)
    pairs, _ = load_training(data)
    call: dict[str, Any] = {
        "runner": LocalRunner(), "model": model, "pairs": pairs, "split": split_training(pairs),
        "folder": folder, "count": count, "seed": 0, "limits": LIMITS, "labels": {}, **changes,
    }  # fmt: skip
    return Generating(**call).run(lambda _: None)


def subset(data: Path, wanted: str) -> set[str]:
    split = split_training(load_training(data)[0])
    return {name.split(".")[0] for name, subset in split.items() if subset == wanted}


def test_a_generator_is_handed_training_images_alone(
    dots: Model, data: Path, tmp_path: Path
) -> None:
    made = make(dots, data, tmp_path / "work")
    assert made.complete
    seen = set((tmp_path / "orders/seen").read_text().split())
    assert seen == subset(data, "train")
    assert len(seen) == TRAINING - 1
    assert {source for line in made.lines for source in line.sources} <= seen
    assert {path.name for path in (tmp_path / "work").iterdir() if path.name[0] != "."} == {
        "generated.jsonl", "images", "labels", "log.txt", "usage.json",
    }  # fmt: skip
    usage = read_usage(tmp_path / "work")
    assert usage is not None
    assert usage.outcome == "done"


def test_held_back_images_go_to_controls_that_ask_for_them(data: Path, tmp_path: Path) -> None:
    pairs, _ = load_training(data)
    split = split_training(pairs)
    held = next(name for name, subset in split.items() if subset == "train")
    given = {}
    for name, needs in (("with", True), ("without", False)):
        folder = write_generator(tmp_path, name, kind="control", needs_held=needs)
        model = Model(card=read_card(folder), folder=folder)
        make(model, data, tmp_path / f"{name}-work", 1, split={**split, held: "held"})
        given[name] = set((tmp_path / "orders/seen").read_text().split())
    assert given["with"] == given["without"] | {held.split(".")[0]}


def test_modalities_and_movies_reach_the_generator(dots: Model, data: Path, tmp_path: Path) -> None:
    part = data / "Training-labeled"
    (part / "manifest.csv").write_text("image,modality,source\ntrain_1.png,DIC,here\n")
    (part / "sequences.csv").write_text("image,sequence,frame\ntrain_2.png,m,4\nother.png,m,5\n")
    pairs, _ = load_training(data)
    tables = tables_of(pairs)
    assert tables["sequences.csv"] == "image,sequence,frame\ntrain_2.png,m,4\n"
    assert tables["manifest.csv"].splitlines()[:3] == [
        "image,modality", "train_0.png,", "train_1.png,DIC",
    ]  # fmt: skip
    split = dict.fromkeys((pair.name for pair in pairs), "train")
    made = make(dots, data, tmp_path / "work", TRAINING, split=split)
    assert {line.sources: line.modality for line in made.lines}["train_1",] == "DIC"
    (part / "manifest.csv").unlink()
    (part / "sequences.csv").unlink()
    assert tables_of(load_training(data)[0]) == {}


def test_a_sample_that_kills_its_container_is_a_failure_and_the_rest_go_on(
    dots: Model, data: Path, tmp_path: Path
) -> None:
    order(tmp_path, at_1="kill")
    made = make(dots, data, tmp_path / "work", 4)
    assert not made.complete
    assert [line.outcome for line in made.lines] == [
        "generated", "crashed", "generated", "generated",
    ]  # fmt: skip
    assert "exit code 137" in made.lines[1].message
    usage = read_usage(tmp_path / "work")
    assert usage is not None
    assert usage.attempts == 2
    asked(tmp_path)
    order(tmp_path, at_1="")
    assert make(dots, data, tmp_path / "work", 4).complete
    assert asked(tmp_path) == [1], "the others lie there"


def test_what_a_killed_harness_left_is_kept(dots: Model, data: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    make(dots, data, work, 2)
    (work / "out").mkdir()
    for name in ("images", "labels", "generated.jsonl", ".cellbench-generate.jsonl"):
        (work / name).rename(work / "out" / name)
    asked(tmp_path)
    assert make(dots, data, work, 3).complete
    assert asked(tmp_path) == [2]


CHEATER = """
import json, os, sys
from pathlib import Path
import numpy as np
from contract.samples import write_png
from contract import write_mask

out = Path(sys.argv[3])
for folder in ("images", "labels"):
    (out / folder).mkdir(exist_ok=True)
names = ["good", "foreign", "wide", "absent", "linked", "broken", "elsewhere"]
lines = []
for name in names:
    write_png(out / "images" / f"{name}.png", np.zeros((8, 9), np.uint8))
    write_mask(out / "labels" / f"{name}_label.tiff", np.ones((8, 9), int))
    lines.append({"image": f"{name}.png", "label": f"{name}_label.tiff", "outcome": "generated",
                  "method": "cheat", "sources": ["train_0"], "seconds": 0.1})
lines[1]["sources"] = ["cell_1"]
write_mask(out / "labels" / "wide_label.tiff", np.ones((8, 10), int))
(out / "images" / "absent.png").unlink()
(out / "images" / "linked.png").unlink()
(out / "images" / "linked.png").symlink_to(out / "images" / "good.png")
(out / "labels" / "broken_label.tiff").write_bytes(b"II*")
lines[6]["image"] = "../images/elsewhere.png"
(out / "images" / "stray.png").touch()
(out / "generated.jsonl").write_text("".join(json.dumps(line) + "\\n" for line in lines) + "[]\\n")
"""


def test_what_the_files_do_not_bear_out_is_not_believed(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "containers" / "cheat"
    folder.mkdir(parents=True)
    (folder / "generator.py").write_text(CHEATER)
    card = ModelCard(
        name="cheat", title="Cheat", kind="generator", verbs=("generate",), entry="generator.py"
    )
    made = make(
        Model(card=card, folder=folder), data, tmp_path / "work", 7,
        split={f"train_{number}.png": "train" for number in range(TRAINING)},
    )  # fmt: skip
    assert not made.complete
    said = {Path(line.image).stem: (line.outcome, line.message) for line in made.lines}
    assert said.pop("good") == ("generated", "")
    words = {
        "foreign": "cell_1", "wide": "(8, 10)", "absent": "no images/absent.png",
        "linked": "no images/linked.png", "broken": "broken_label.tiff", "elsewhere": "elsewhere",
    }  # fmt: skip
    for name, (outcome, message) in said.items():
        assert outcome == "crashed"
        assert words.pop(name) in message
    assert not words
    assert set(contents(tmp_path / "work")) == {"images/good.png", "labels/good_label.tiff"}


def folder_call(model: Model, data: Path, out: Path, **changes: Any) -> tuple[ExitCode, str]:
    heard = Heard()
    call: Mapping[str, Any] = {
        "count": 2, "seed": 0, "masks": None, "weights": None,
        "chosen": Chosen(LocalRunner(), "for a test"), "limits": LIMITS, "show": heard, **changes,
    }  # fmt: skip
    return generate_folder(model, data, out, **call), "\n".join(heard.lines)


def test_a_folder_of_generated_images_is_renewed_by_its_own_calls_alone(
    dots: Model, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    add_pair(data / "Training-labeled", "odd.png")
    (data / "Training-labeled/labels/odd_label.tiff").write_bytes(b"no mask")
    code, said = folder_call(dots, data, out)
    assert code == ExitCode.DONE
    assert "left out: odd.png" in said
    assert f"2 of 2 images are in {out}" in said
    assert len(training_pairs(out, seed=0)[0]) == 2
    assert not (out / ".part").exists()
    before = contents(out)
    asked(tmp_path)
    folder_call(dots, data, out, count=3)
    assert asked(tmp_path) == [2]
    assert before.items() <= contents(out).items()
    folder_call(dots, data, out, masks="sampled")
    assert asked(tmp_path) == [0, 1], "another call makes its own"
    order(tmp_path, at_1="raise")
    code, said = folder_call(dots, data, out, seed=1)
    assert code == ExitCode.FAILURES
    assert "dots_1_00001.png: crashed: KeyError" in said
    (tmp_path / "mine" / "images").mkdir(parents=True)
    (tmp_path / "mine" / "images" / "a.png").touch()
    with pytest.raises(CallError, match="did not write"):
        folder_call(dots, data, tmp_path / "mine")


def test_a_refusal_of_the_generator_is_that_of_the_call(
    dots: Model, data: Path, tmp_path: Path
) -> None:
    order(tmp_path, prepare="refuse")
    with pytest.raises(CallError, match="There are no movies here"):
        folder_call(dots, data, tmp_path / "out")
    with pytest.raises(CallError, match="No usable image"):
        folder_call(dots, tmp_path, tmp_path / "out")


def test_calls_are_refused_before_anything_is_begun(dots: Model) -> None:
    assert refuse_call(dots, 1, 0, None) == "real"
    assert refuse_call(dots, 1, 0, "sampled") == "sampled"
    card = dots.card.model_copy(update={"masks": ()})
    assert refuse_call(Model(card=card, folder=None), 1, 0, None) is None
    for model, count, seed, masks, words in (
        (dots, 0, 0, None, "asks for no image"),
        (dots, 1, -1, None, "negative"),
        (dots, 1, 0, "moved", "does not know the masks 'moved'"),
        (Model(card=card, folder=None), 1, 0, "real", "does not know"),
        (Model(card=card.model_copy(update={"needs_held": True}), folder=None), 1, 0, None, "held"),
        (Model(card=card.model_copy(update={"verbs": ()}), folder=None), 1, 0, None, "copypaste"),
    ):
        with pytest.raises(CallError) as caught:
            refuse_call(model, count, seed, masks)
        assert words in str(caught.value)


def test_the_command_makes_a_training_folder_and_others_refuse_generators(
    data: Path, tmp_path: Path
) -> None:
    call = ("generate", "copypaste", "--data", data, "--count", 2, "--runner", "local")
    done = run("harness", *call, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "out/generated.jsonl").open()]
    assert all(GeneratedLine.model_validate(line).outcome == "generated" for line in lines)
    assert {source for line in lines for source in line["sources"]} <= subset(data, "train")
    for refused in (
        ("run-all", "--models", "copypaste", "--data", data, "--out", tmp_path / "run"),
        ("predict", "copypaste", data / "Tuning/images", tmp_path / "masks"),
    ):
        done = run("harness", *refused)
        assert done.returncode == 2
        assert "predicts no mask" in done.stderr
        assert "harness generate copypaste" in done.stderr
    assert not (tmp_path / "run").exists()


def test_lines_of_a_killed_writer_are_read(tmp_path: Path) -> None:
    (tmp_path / "generated.jsonl").write_text('{"image": "a.png", "lab')
    assert read_generated(tmp_path) == []
