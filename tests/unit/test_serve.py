"""The container's command line, run as a container runs it: as a process of its own."""

import json
import os
import resource
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from contract import label_name, read_lines, read_mask, write_mask
from contract.schema import TrainingRecord
from contract.written import RECORD, Written
from tests.programs import code, finish, model_command, start

SEGMENTER = """
import json, os, sys, time
from pathlib import Path
import numpy as np
from contract import Image, Prediction, SettingsModel, TrainCall, TrainingSummary
from contract import append_line, serve


class Own(SettingsModel):
    steps: int = 1
    '''Optimiser steps.'''
    learning_rate: float = 0.1
    stop: str = "never"
    sizes: list[int] = [1]


class Segmenter:
    settings = (Own,)

    def __init__(self, weights, threads):
        self.weights = weights
        if weights and (weights / "too large").exists():
            raise RuntimeError("CUDA out of memory")

    def train(self, call: TrainCall) -> TrainingSummary:
        print("a library chats")
        call.checkpoint.joinpath("step").touch()
        seen = {"settings": dict(call.settings), "seed": call.seed, "threads": call.threads,
                "pairs": [[pair.image.name, pair.subset] for pair in call.pairs],
                "resumed": call.checkpoint.joinpath("half").exists()}
        call.weights.joinpath("seen.json").write_text(json.dumps(seen))
        append_line(call.out / "history.jsonl",
                    {"epoch": 1, "step": 5, "loss": 0.5, "lr": 0.1, "seconds": 7.0})
        call.progress(5, 10, "half way")
        if call.settings["stop"] == "half":
            call.checkpoint.joinpath("half").touch()
            os.kill(os.getpid(), 9)
        if call.settings["stop"] == "memory":
            raise MemoryError("no room")
        append_line(call.out / "history.jsonl",
                    {"epoch": 2, "step": 10, "loss": 0.2, "lr": 0.1, "seconds": 9.0})
        return TrainingSummary(steps=10, final_loss=float("nan"), optimizer="none")

    def predict(self, image: Image):
        print("a library chats")
        os.write(1, b"compiled code chats\\n")
        os.system("echo a child chats")
        labels = np.zeros(image.pixels.shape[:2], np.int64)
        labels[0, 0] = 7
        match image.name.split(".")[0]:
            case "raises": raise KeyError("colour")
            case "exits": sys.exit(0)
            case "memory": raise MemoryError
            case "torch": raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 GB")
            case "oserror": raise OSError(28, "No space left on device", "/tmp/scratch")
            case "shape": return labels[1:]
            case "float": return labels.astype(np.float32)
            case "negative": return labels - 9
            case "nothing": return None
            case "counted":
                return Prediction(labels=labels, counts={"round": np.int64(1)}, message="one cell")
            case name if name.startswith("wide"):
                return Prediction(labels=labels, message=f"{image.cell_diameter} wide")
            case "miscounted": return Prediction(labels=labels, counts={"round": "many"})
            case "slow": time.sleep(3600)
            case "noise": return np.random.default_rng(0).integers(0, 2**32, (300, 300))
        return labels


if __name__ == "__main__":
    serve(Segmenter)
"""
PROFILES = {
    "tiny": "extends: quick\nsteps: 10\nlearning_rate: 6e-4\n",
    "quick": "steps: 100\nlearning_rate: 0.001\nsizes: [1, 2]\n",
}


def write_model(root: Path, name: str = "dots", **changes: Any) -> None:
    folder = root / "containers" / name
    (folder / "profiles").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "segmenter.py").write_text(SEGMENTER, encoding="utf-8")
    verbs = changes.pop("verbs", ["describe", "train", "predict"])
    card = {"name": name, "title": "Dots", "kind": "segmenter", "verbs": verbs, **changes}
    (folder / "model.yaml").write_text(json.dumps(card), encoding="utf-8")
    for profile, text in PROFILES.items():
        (folder / "profiles" / f"{profile}.yaml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    write_model(root)
    write_model(root, "plain", verbs=["describe", "predict"])
    write_model(root, "control", kind="control", verbs=["describe", "predict"], needs_truth=True)
    return root


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "network").touch()
    return tmp_path / "weights"


def run(
    models: Path, *arguments: object, name: str = "dots", before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    return finish(model_command(name, *arguments), cwd=models, before=before)


def events(ended: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Every line of stdout, each of which must be an event."""
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert all(isinstance(event["event"], str) for event in found)
    return found


def picture(path: Path, side: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((side, side), 9, np.uint8)
    pixels[-1, -1] += side > 1
    Image.fromarray(pixels).save(path)


def refused(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit 2 with a message in plain words, and no traceback."""
    assert ended.returncode == 2, ended.stderr
    assert "error: " in ended.stderr
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in ended.stderr


def test_the_model_is_told_how_wide_the_cells_are(
    models: Path, weights: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "images", tmp_path / "out"
    for name in ("wide.0.png", "wide 1.png", "wide.png"):
        picture(source / name)
    (source / "wide.0.png").rename(source / "wide.0.png.txt")
    table = source / "cell_diameter.csv"
    table.write_text('image,cell_diameter\nwide 1.png,"12,5"\nwide.png,\n')
    call = ("predict", source, out, "--weights", weights)

    def said() -> dict[str, str]:
        return {line["image"]: line["message"] for line in read_lines(out / "predictions.jsonl")}

    ended = run(models, *call)
    assert ended.returncode == 0, ended.stderr
    assert "1 file of another format (wide.0.png.txt)" in ended.stderr
    assert said() == {"wide 1.png": "12.5 wide", "wide.png": "None wide"}
    assert run(models, *call, "--cell-diameter", "31").returncode == 0
    assert said() == {"wide 1.png": "12.5 wide", "wide.png": "31.0 wide"}
    refused(run(models, *call, "--cell-diameter", "0.5"), "--cell-diameter is 0.5", "in pixels")
    table.write_text("image,cell_diameter\nwide.png,broad\n")
    refused(run(models, *call), "no image,cell_diameter pair", "broad")


def test_describe_prints_the_card(models: Path) -> None:
    ended = run(models, "describe")
    assert ended.returncode == 0
    card = json.loads(ended.stdout)
    assert (card["name"], card["contract"]) == ("dots", "cellbench-1")
    assert card["profiles"] == ["quick", "tiny"]
    assert card["settings"]["properties"]["steps"] == {
        "type": "integer", "default": 1, "description": "Optimiser steps."
    }  # fmt: skip
    assert card["values"] is None
    assert json.loads(run(models, "describe", name="plain").stdout)["settings"] is None


def test_describe_checks_what_would_be_trained(models: Path) -> None:
    ended = run(models, "describe", "--profile", "tiny", "--set", "stop=now")
    assert json.loads(ended.stdout)["values"] == {
        "steps": 10, "learning_rate": 6e-4, "stop": "now", "sizes": [1, 2]
    }  # fmt: skip
    refused(run(models, "describe", "--set", "steps=x"), "--set steps=x: steps must be a whole")
    refused(run(models, "describe", "--profile", "tinny"), "did you mean 'tiny'?")


def test_a_verb_that_the_model_lacks_is_refused(models: Path, tmp_path: Path) -> None:
    ended = run(models, "train", tmp_path, tmp_path / "out", name="plain")
    assert ended.returncode == 2
    assert "train" in ended.stderr
    assert not (tmp_path / "out").exists()


# predict


def test_good_images_get_masks_and_a_line_each(models: Path, tmp_path: Path, weights: Path) -> None:
    for name in ("a b.png", "c.x.tif", "细胞.bmp", "line\u2028break.png"):
        picture(tmp_path / "in" / "images" / name)
    ended = run(models, "predict", tmp_path / "in", tmp_path / "out", "--weights", weights)
    assert ended.returncode == 0, ended.stderr
    lines = read_lines(tmp_path / "out" / "predictions.jsonl")
    assert [line["image"] for line in lines] == [
        "a b.png",
        "c.x.tif",
        "line\u2028break.png",
        "细胞.bmp",
    ]
    for line in lines:
        assert line["mask"] == label_name(line["image"])
        assert (line["outcome"], line["cells"], line["message"]) == ("predicted", 1, "")
        mask = read_mask(tmp_path / "out" / line["mask"])
        assert (mask.dtype, mask.shape, mask.sum()) == (np.uint8, (8, 8), 7)
    names = {entry.name for entry in (tmp_path / "out").iterdir()}
    assert names == {RECORD, "predictions.jsonl", *(line["mask"] for line in lines)}


def test_stdout_holds_events_alone(models: Path, tmp_path: Path, weights: Path) -> None:
    for number in range(2):
        picture(tmp_path / "in" / f"{number}.png")
    ended = run(models, "predict", tmp_path / "in", tmp_path / "out", "--weights", weights)
    found = events(ended)
    assert [event["event"] for event in found] == [
        *("started", "loaded", "image", "progress", "image", "progress", "finished")
    ]
    assert found[3] | {"message": ""} == {
        "event": "progress",
        "stage": "predict",
        "done": 1,
        "total": 2,
        "message": "",
    }
    assert 10**7 < found[-1]["peak_memory_bytes"] < 10**9
    for chat in ("a library chats", "compiled code chats", "a child chats"):
        assert ended.stderr.count(chat) == 2


def test_bad_files_get_their_reason_and_the_rest_masks(
    models: Path, tmp_path: Path, weights: Path
) -> None:
    folder = tmp_path / "in"
    picture(folder / "good.png")
    picture(folder / "good two.v1.png", side=1)
    (folder / "empty.tif").touch()
    (folder / "text.png").write_text("notes")
    (folder / "cut.png").write_bytes((folder / "good.png").read_bytes()[:50])
    (folder / "link.png").symlink_to(folder / "gone.png")
    tifffile.imwrite(folder / "stack.tif", np.zeros((3, 8, 8), np.uint8), photometric="minisblack")
    tifffile.imwrite(folder / "nan.tif", np.full((8, 8), np.nan, np.float32))
    (folder / "folder.png").mkdir()
    ended = run(models, "predict", folder, tmp_path / "out", "--weights", weights)
    assert ended.returncode == 3
    outcomes = {line["image"]: line for line in read_lines(tmp_path / "out" / "predictions.jsonl")}
    bad = {"empty.tif": "0 bytes", "text.png": "not an image", "cut.png": "cut off"}
    bad |= {"link.png": "a link", "stack.tif": "3 pages"}
    assert set(outcomes) == {*bad, "good.png", "good two.v1.png", "nan.tif"}
    for name, line in outcomes.items():
        mask = tmp_path / "out" / label_name(name)
        assert line["outcome"] == ("unreadable" if name in bad else "predicted")
        assert mask.exists() == (name not in bad)
        assert bad.get(name, "") in line["message"]
        assert (line["mask"] is None) == (line["cells"] is None) == (name in bad)
    assert "3 of 8 images have a mask" in ended.stderr


def test_a_model_that_fails_at_an_image_goes_on_with_the_rest(
    models: Path, tmp_path: Path, weights: Path
) -> None:
    expected = {
        "raises": ("crashed", "KeyError: 'colour'"),
        "exits": ("crashed", "SystemExit"),
        "memory": ("out_of_memory", "memory.png"),
        "torch": ("out_of_memory", "9 GB"),
        "oserror": ("crashed", "/tmp/scratch"),
        "shape": ("crashed", "labels of shape (7, 8) for an image of (8, 8)"),
        "float": ("crashed", "labels of type float32, not whole numbers"),
        "negative": ("crashed", "from -9 to -2"),
        "nothing": ("crashed", "NoneType, not a numpy array"),
        "miscounted": ("crashed", "'many'"),
        "n" * 251: ("unreadable", "the name is too long"),
        "z": ("predicted", ""),
    }
    for name in expected:
        picture(tmp_path / "in" / f"{name}.png")
    (tmp_path / "out").mkdir()
    Written(tmp_path / "out").note("raises_label.tiff")  # as by an earlier call
    write_mask(tmp_path / "out" / "raises_label.tiff", np.ones((8, 8), np.uint8))
    ended = run(models, "predict", tmp_path / "in", tmp_path / "out", "--weights", weights)
    assert ended.returncode == 3
    lines = read_lines(tmp_path / "out" / "predictions.jsonl")
    found = {line["image"].removesuffix(".png"): line for line in lines}
    assert {name: line["outcome"] for name, line in found.items()} == {
        name: outcome for name, (outcome, _) in expected.items()
    }
    for name, (_, words) in expected.items():
        assert words in found[name]["message"]
    masks = [path.name for path in (tmp_path / "out").glob("*.tiff")]
    assert masks == ["z_label.tiff"]
    assert events(ended)[-1]["event"] == "finished"


def test_what_a_model_counts_and_says_is_in_the_line(
    models: Path, tmp_path: Path, weights: Path
) -> None:
    for name in ("counted", "z"):
        picture(tmp_path / "in" / f"{name}.png")
    run(models, "predict", tmp_path / "in", tmp_path / "out", "--weights", weights)
    lines = read_lines(tmp_path / "out" / "predictions.jsonl")
    assert [(line["counts"], line["message"], line["cells"]) for line in lines] == [
        ({"round": 1}, "one cell", 1),
        ({}, "", 1),
    ]


def test_wrong_calls_are_refused_before_any_work(
    models: Path, tmp_path: Path, weights: Path
) -> None:
    out = tmp_path / "out"
    for name in ("a.png", "a.1.png", "b.png"):
        picture(tmp_path / "clash" / name)
    picture(tmp_path / "in" / "a.png")
    picture(tmp_path / "same" / "a.png")
    picture(tmp_path / "same" / "a_label.tiff")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()

    def predict(source: str, target: Path, *more: object) -> subprocess.CompletedProcess[str]:
        return run(models, "predict", tmp_path / source, target, *more)

    refused(predict("clash", out, "--weights", weights), "a.1.png and a.png", "rename")
    refused(predict("empty", out, "--weights", weights), "No images in")
    refused(predict("gone", out, "--weights", weights), "No folder")
    refused(predict("in", out, "--weights", tmp_path / "empty"), "No weights in")
    refused(predict("in", out), "dots has no weights", "harness bake dots", "seed0/train/weights")
    assert not out.exists()
    refused(predict("in", tmp_path / "file" / "out", "--weights", weights), "Cannot write to")
    before = (tmp_path / "same" / "a_label.tiff").read_bytes()
    refused(predict("same", tmp_path / "same", "--weights", weights), "a_label.tiff")
    assert (tmp_path / "same" / "a_label.tiff").read_bytes() == before


def test_masks_that_no_earlier_call_wrote_are_not_replaced(
    models: Path, tmp_path: Path, weights: Path
) -> None:
    """Neither labels beside the images, nor those of a dataset, nor masks corrected by hand."""
    for name in ("a.png", "b.png"):
        picture(tmp_path / "in" / name)
    out = tmp_path / "labels"
    out.mkdir()
    write_mask(out / "b_label.tiff", np.eye(8, dtype=np.uint8))
    drawn = (out / "b_label.tiff").read_bytes()
    call = ["predict", tmp_path / "in", out, "--weights", weights]
    refused(run(models, *call), "b_label.tiff", "did not write", "another folder")
    assert [path.name for path in out.iterdir()] == ["b_label.tiff"]
    assert (out / "b_label.tiff").read_bytes() == drawn
    (out / "b_label.tiff").unlink()
    assert run(models, *call).returncode == 0
    assert run(models, *call).returncode == 0
    write_mask(out / "a_label.tiff", np.eye(8, dtype=np.uint8))
    refused(run(models, *call), "a_label.tiff", "changed since")
    assert read_mask(out / "a_label.tiff").sum() == 8


def test_what_was_passed_over_is_said(models: Path, tmp_path: Path, weights: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    for name in ("b.czi", "c.nd2", ".hidden.png"):
        (tmp_path / "in" / name).touch()
    ended = run(models, "predict", tmp_path / "in", tmp_path / "out", "--weights", weights)
    assert ended.returncode == 0
    assert "2 files of other formats (b.czi, c.nd2) and 1 hidden file" in ended.stderr
    (tmp_path / "in" / "a.png").unlink()
    ended = run(models, "predict", tmp_path / "in", tmp_path / "out", "--weights", weights)
    refused(ended, "No images in", "b.czi, c.nd2")


def test_controls_need_the_truth(models: Path, tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    refused(run(models, "predict", tmp_path / "in", tmp_path / "out", name="control"), "--truth")
    call = ["predict", tmp_path / "in", tmp_path / "out", "--truth", tmp_path / "in"]
    assert run(models, *call, name="control").returncode == 0


def test_a_model_without_training_needs_no_weights(models: Path, tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    assert run(models, "predict", tmp_path / "in", tmp_path / "out", name="plain").returncode == 0


def test_a_model_that_does_not_fit_exits_4(models: Path, tmp_path: Path, weights: Path) -> None:
    (weights / "too large").touch()
    picture(tmp_path / "in" / "a.png")
    ended = run(models, "predict", tmp_path / "in", tmp_path / "out", "--weights", weights)
    assert ended.returncode == 4
    assert "error: Loading the model ran out of memory" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_full_disk_ends_the_call_and_keeps_whole_lines(
    models: Path, tmp_path: Path, weights: Path
) -> None:
    """A limit on the size of files stands in for the disk: the mask of "noise" does not fit."""
    for name in ("a", "noise", "z"):
        picture(tmp_path / "in" / f"{name}.png", side=300 if name == "noise" else 8)

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    ended = run(
        models,
        *("predict", tmp_path / "in", tmp_path / "out", "--weights", weights),
        before=small_files,
    )
    assert ended.returncode == 1
    assert "error: " in ended.stderr
    assert "Traceback" not in ended.stderr
    names = {entry.name for entry in (tmp_path / "out").iterdir()}
    assert names == {RECORD, "predictions.jsonl", "a_label.tiff"}
    assert [line["image"] for line in read_lines(tmp_path / "out" / "predictions.jsonl")] == [
        "a.png"
    ]


def test_sigterm_leaves_whole_lines(models: Path, tmp_path: Path, weights: Path) -> None:
    for name in ("a.png", "b.png", "slow.png", "z.png"):
        picture(tmp_path / "in" / name)
    out = tmp_path / "out"
    out.mkdir()
    (out / ".aside-left.tiff").touch()
    process = start(
        model_command("dots", "predict", tmp_path / "in", out, "--weights", weights),
        cwd=models,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert any('"image": "slow.png"' in line for line in process.stdout)
    process.terminate()
    _, words = process.communicate()
    assert process.returncode == 130
    assert "error: Interrupted." in words
    text = (out / "predictions.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line)["image"] for line in text.splitlines()] == ["a.png", "b.png"]
    assert {path.name for path in out.iterdir()} == {
        *(RECORD, "predictions.jsonl", "a_label.tiff", "b_label.tiff")
    }


# train


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(10):
        picture(tmp_path / "data" / "images" / f"cell_{number}.png")
        write_mask(
            tmp_path / "data" / "labels" / f"cell_{number}_label.tiff", np.eye(8, dtype=np.uint8)
        )
    return tmp_path / "data"


def seen(out: Path) -> dict[str, Any]:
    return json.loads((out / "weights" / "seen.json").read_text())


def test_weights_of_somebody_else_are_not_replaced(
    models: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "years of work").touch()
    ended = run(models, "train", data, tmp_path, "--profile", "tiny")
    refused(ended, "weights/, which cellbench did not write")
    assert (tmp_path / "weights" / "years of work").exists()


def test_training_writes_a_whole_record(models: Path, data: Path, tmp_path: Path) -> None:
    picture(data / "images" / "lonely.png")
    out = tmp_path / "out"
    call = ["train", data, out, "--profile", "tiny", "--seed", 3, "--set", "steps=7"]
    ended = run(models, *call, "--set", "learning_rate=1e-4")
    assert ended.returncode == 0, ended.stderr
    assert "warning: lonely.png: no label lonely_label.tiff, left out" in ended.stderr
    assert [event["event"] for event in events(ended)] == [
        *("started", "loaded", "progress", "finished")
    ]
    record = TrainingRecord.model_validate_json((out / "training.json").read_text())
    assert (record.model, record.profile, record.seed) == ("dots", "tiny", 3)
    assert (record.train_images, record.val_images) == (9, 1)
    assert (record.steps, record.optimizer, record.final_loss) == (10, "none", None)
    assert record.peak_memory_bytes > 10**7
    assert len(record.data_sha256) == 64
    assert [line["epoch"] for line in read_lines(out / "history.jsonl")] == [1, 2]
    assert seen(out)["settings"] == {
        "steps": 7, "learning_rate": 0.0001, "stop": "never", "sizes": [1, 2]
    }  # fmt: skip
    assert seen(out)["threads"] == 1
    assert record.remark
    assert record.remark.startswith("a demonstration: the profile tiny")
    written = {"training.json", "history.jsonl", "weights"}
    assert {path.name for path in out.iterdir()} == {RECORD, *written}
    first = seen(out)["pairs"]
    run(models, *call)
    assert seen(out)["pairs"] == first


def test_weights_of_a_demonstration_say_so_wherever_they_are_used(
    models: Path, data: Path, tmp_path: Path
) -> None:
    said = {}
    for profile in ("tiny", "quick"):
        out, masks = tmp_path / profile, tmp_path / f"masks of {profile}"
        assert run(models, "train", data, out, "--profile", profile).returncode == 0
        remark = json.loads((out / "training.json").read_text())["remark"]
        weights = tmp_path / f"weights of {profile}"
        (out / "weights").rename(weights)
        ended = run(models, "predict", data / "images", masks, "--weights", weights)
        assert ended.returncode == 0, ended.stderr
        told = "note: the weights are a demonstration" in ended.stderr
        said[profile] = (remark is not None, told)
    assert said == {"tiny": (True, True), "quick": (False, False)}


def test_a_given_split_is_honoured(models: Path, data: Path, tmp_path: Path) -> None:
    (data / "split.csv").write_text("image,subset\ncell_2.png,val\ncell_1.png,train\n")
    ended = run(models, "train", data, tmp_path / "out", "--profile", "tiny")
    assert ended.returncode == 0
    assert seen(tmp_path / "out")["pairs"] == [["cell_1.png", "train"], ["cell_2.png", "val"]]
    assert ended.stderr.count("not in split.csv, left out") == 8


def test_a_killed_training_is_taken_up_only_by_the_same_call(
    models: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    split = "image,subset\ncell_1.png,train\ncell_2.png,val\n"
    (data / "split.csv").write_text(split)

    def resumed(*more: object) -> bool:
        """Whether a training that is killed half way took up the one before."""
        call = ["train", data, out, "--profile", "tiny", "--set", "stop=half"]
        assert run(models, *call, *more).returncode == -signal.SIGKILL
        assert not (out / "training.json").exists()
        assert (out / "checkpoint" / "half").exists()
        return bool(seen(out)["resumed"])

    assert not resumed()
    assert resumed()
    assert not resumed("--seed", 1)
    assert not resumed("--seed", 1, "--set", "steps=11")
    assert resumed("--seed", 1, "--set", "steps=11")
    assert not resumed()
    (data / "split.csv").write_text(split.replace("val", "train"))
    assert not resumed()
    picture(data / "images" / "cell_1.png", side=9)
    assert not resumed()
    (out / "checkpoint" / "call.json").write_text("[")
    assert not resumed()
    ended = run(models, "train", data, out, "--profile", "tiny")
    assert ended.returncode == 0
    assert not seen(out)["resumed"]
    assert [line["epoch"] for line in read_lines(out / "history.jsonl")] == [1, 2]
    assert not (out / "checkpoint").exists()


def test_training_time_before_a_kill_counts(models: Path, data: Path, tmp_path: Path) -> None:
    """The model asks the profile file whether to stop, so that both calls are the same."""
    write_model(tmp_path / "own")
    source = tmp_path / "own" / "containers" / "dots" / "segmenter.py"
    source.write_text(SEGMENTER.replace('call.settings["stop"] == "half"', 'not seen["resumed"]'))
    call = ["train", data, tmp_path / "out", "--profile", "tiny"]
    assert run(tmp_path / "own", *call).returncode == -signal.SIGKILL
    ended = run(tmp_path / "own", *call)
    assert ended.returncode == 0
    assert "taking up an interrupted training" in ended.stderr
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert 7 <= record["seconds"] < 60


def test_wrong_settings_are_refused_with_a_suggestion(
    models: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def train(*more: object) -> subprocess.CompletedProcess[str]:
        return run(models, "train", data, out, *more)

    refused(train("--profile", "tinny"), "did you mean 'tiny'?", "quick, tiny")
    refused(train("--set", "stepz=3"), "no setting 'stepz'; did you mean 'steps'?")
    refused(train("--set", "steps"), "KEY=VALUE")
    refused(train("--set", "sizes=[1"), "no YAML")
    refused(train("--set", "sizes=[1, x]"), "sizes must be a list, each a whole number")
    refused(run(models, "train", tmp_path / "gone", out), "No folder", "images/ and labels/")
    assert not out.exists()
    (tmp_path / "file").touch()
    refused(run(models, "train", data, tmp_path / "file" / "out"), "Cannot write to")


def test_training_out_of_memory_exits_4(models: Path, data: Path, tmp_path: Path) -> None:
    ended = run(models, "train", data, tmp_path / "out", "--set", "stop=memory")
    assert ended.returncode == 4
    assert "error: dots ran out of memory while training" in ended.stderr
    assert not (tmp_path / "out" / "training.json").exists()


def test_a_large_parent_does_not_count_as_memory_of_the_model(models: Path) -> None:
    """Linux hands a parent's peak on to a child that it forks, unless one asks the right way."""
    program = "from contract.metering import peak_memory_bytes; print(peak_memory_bytes())"
    filled = np.ones(60_000_000)
    ended = finish(code(program), before=os.getpid)
    assert 10**6 < int(ended.stdout) < filled.nbytes
