"""run-all as its users meet it, with the local runner."""

import csv
import json
import os
import shutil
import subprocess
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from contract import write_mask
from contract.written import RECORD
from harness.work.predict_folder import BESIDE
from tests.bad_files import BAD, GOOD, sizes, write_images
from tests.conftest import need
from tests.datasets import cells, make_dataset
from tests.programs import run
from tests.small_unet import NAME, write_small_unet


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def run_all(
    data: Path, out: Path, models: str, *more: object, **options: Path
) -> subprocess.CompletedProcess[str]:
    return run(
        "harness", "run-all", "--data", data, "--out", out, "--models", models,
        "--runner", "local", *more, **options,
    )  # fmt: skip


def test_controls_bracket_every_score(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", test=["a.png", "b.png", "c.png"])
    out = tmp_path / "run"
    done = run_all(data, out, "oracle,empty,otsu", "--protocol", "plain", "--seeds", "0,1")
    assert done.returncode == 0, done.stderr
    found = rows(out)
    assert len(found) == 3 * 3 * 3
    assert {row["seed"] for row in found} == {"0"}, "controls run once"
    assert {row["f1"] for row in found if row["model"] == "oracle"} == {"1.0"}
    assert {row["f1"] for row in found if row["model"] == "empty"} == {"0.0"}
    assert done.stdout.strip().splitlines()[-1] == f"report: {out / 'report' / 'index.html'}"
    assert (out / "report" / "index.html").stat().st_size > 10_000


def test_another_protocol_is_scored_from_the_overlaps_without_the_masks(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data")
    out = tmp_path / "run"
    run_all(data, out, "otsu", "--protocol", "plain")
    plain = [row["true_cells"] for row in rows(out)]
    tables = sorted((out / "models/otsu/seed0/overlaps").glob("*.npz"))
    written = [path.stat().st_mtime_ns for path in tables]
    again = run_all(data, out, "otsu", "--protocol", "challenge")
    assert "otsu seed 0: predict: reused" in again.stderr
    assert [row["true_cells"] for row in rows(out)] != plain
    assert [path.stat().st_mtime_ns for path in tables] == written
    assert json.loads((out / "run.json").read_text())["protocol"] == "challenge"


def test_a_second_call_adds_models_and_another_dataset_is_refused(tmp_path: Path) -> None:
    data, other = make_dataset(tmp_path / "data"), make_dataset(tmp_path / "other", test=["x.png"])
    out = tmp_path / "run"
    run_all(data, out, "oracle")
    assert run_all(data, out, "empty").returncode == 0
    assert Counter(row["model"] for row in rows(out)) == {"oracle": 6, "empty": 6}
    before = (out / "scores.csv").read_bytes()
    refused = run_all(other, out, "otsu")
    assert refused.returncode == 2
    assert "another dataset" in refused.stderr
    assert "--out" in refused.stderr
    assert (out / "scores.csv").read_bytes() == before


def test_all_metrics_stay_with_a_run_that_is_added_to(tmp_path: Path) -> None:
    data, out = make_dataset(tmp_path / "data"), tmp_path / "run"
    run_all(data, out, "otsu", "--metrics", "all")
    assert run_all(data, out, "oracle").returncode == 0
    found = rows(out)
    assert {row["aji"] for row in found if row["model"] == "oracle"} == {"1.0"}
    assert all(row["boundary_f1"] for row in found if int(row["tp"]))
    assert (out / "report/tables/further-metrics.csv").is_file()
    verified = run("evaluator", "verify", out)
    assert (verified.returncode, "every number agrees" in verified.stdout) == (0, True)


def test_every_kind_of_bad_image_is_a_row(tmp_path: Path) -> None:
    images = write_images(tmp_path / "data" / "Tuning" / "images")
    for name in (*GOOD, *BAD):
        side = sizes().get(name, (64, 64))[0]
        label = cells(64)[1][:side, :side]
        write_mask(images.parent / "labels" / f"{name.split('.')[0]}_label.tiff", label)
    done = run_all(tmp_path / "data", tmp_path / "run", "otsu")
    assert done.returncode == 3, done.stderr
    outcomes = {row["image"]: row["outcome"] for row in rows(tmp_path / "run")}
    assert outcomes == dict.fromkeys(GOOD, "scored") | dict.fromkeys(BAD, "unreadable")
    zeros = [row for row in rows(tmp_path / "run") if row["outcome"] == "unreadable"]
    assert all(row["tp"] == row["fp"] == "0" and float(row["dice"]) == 0 for row in zeros)
    assert all(row["fn"] == row["true_cells"] for row in zeros)
    for name in BAD:
        assert f"otsu seed 0: predict: {name}: unreadable" in done.stderr


def test_dataset_faults_are_named_and_do_not_count(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", test=["good.png", "small.png", "alone.png"])
    write_mask(data / "Tuning/labels/small_label.tiff", cells(20)[1])
    (data / "Tuning/labels/alone_label.tiff").unlink()
    write_mask(data / "Tuning/labels/nobody_label.tiff", cells()[1])
    done = run_all(data, tmp_path / "run", "oracle")
    assert done.returncode == 3
    assert {row["image"] for row in rows(tmp_path / "run")} == {"good.png"}
    assert "3 left out for all models, because of the dataset: alone.png, small.png" in done.stdout
    for words in ("small.png: the label is 20×20", "alone.png: no label", "nobody_label.tiff"):
        assert words in done.stderr
    checked = run("harness", "data", "check", data)
    assert checked.returncode == 3
    assert "alone.png" in checked.stdout


def test_a_training_that_fails_is_rows_and_the_others_go_on(tmp_path: Path) -> None:
    folder = write_small_unet(tmp_path)
    source = folder / "segmenter.py"
    start = "Segmenter.train = lambda *_: 1 / 0\n\nif __name__"
    source.write_text(source.read_text().replace("if __name__", start))
    data = make_dataset(tmp_path / "data", train=6)
    done = run_all(data, tmp_path / "run", f"{NAME},oracle", "--profile", "tiny", cwd=tmp_path)
    assert done.returncode == 3
    assert f"{NAME} seed 0: train: ended with exit code" in done.stderr
    counted = Counter((row["model"], row["outcome"]) for row in rows(tmp_path / "run"))
    assert counted == {(NAME, "crashed"): 6, ("oracle", "scored"): 6}
    assert (tmp_path / "run" / "models" / NAME / "seed0/train/log.txt").stat().st_size > 0


def test_training_once_serves_predict_and_run_all(tmp_path: Path) -> None:
    folder = write_small_unet(tmp_path, steps=10)
    data, out = make_dataset(tmp_path / "data", train=6), tmp_path / "run"
    trained = run("harness", "train", NAME, "--data", data, "--out", out, "--profile", "tiny",
                  "--runner", "local", cwd=tmp_path)  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert Path(trained.stdout.strip()).is_dir()
    whole = run_all(data, out, NAME, "--profile", "tiny", "--protocol", "plain", cwd=tmp_path)
    assert f"{NAME} seed 0: train: reused" in whole.stderr
    again = run("harness", "train", NAME, "--data", data, "--out", out, "--profile", "tiny",
                "--runner", "local", cwd=tmp_path)  # fmt: skip
    assert again.stdout == trained.stdout
    assert json.loads((out / "run.json").read_text())["protocol"] == "plain", "as scores.csv"
    masks = tmp_path / "masks"
    done = run("harness", "predict", NAME, data / "Tuning/images", masks, "--run", out,
               "--runner", "local", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    own = out / "models" / NAME / "seed0/predict"
    for mask in own.glob("*.tiff"):
        assert (masks / mask.name).read_bytes() == mask.read_bytes()
    assert sorted(path.name for path in masks.iterdir()) == sorted(
        [RECORD, "cell_1_label.tiff", "cell_2_label.tiff", *BESIDE]
    )
    profile = folder / "profiles" / "tiny.yaml"
    profile.write_text(profile.read_text().replace("steps: 10\n", "steps: 11\n"))
    run("harness", "train", NAME, "--data", data, "--out", out, "--profile", "tiny",
        "--runner", "local", cwd=tmp_path)  # fmt: skip
    run_all(data, out, "empty", "--profile", "tiny", cwd=tmp_path)
    assert {row["model"] for row in rows(out)} == {"empty"}, "old masks are not of the new weights"


def _predict(source: Path, masks: Path) -> subprocess.CompletedProcess[str]:
    return run("harness", "predict", "otsu", source, masks, "--runner", "local")


def test_predict_replaces_only_its_own_masks(tmp_path: Path) -> None:
    """Not labels drawn beside the images, nor those of a dataset, nor a mask corrected since."""
    data = make_dataset(tmp_path / "data")
    images, labels = data / "Tuning/images", data / "Tuning/labels"
    beside = tmp_path / "beside"
    shutil.copytree(images, beside)
    shutil.copy(labels / "cell_2_label.tiff", beside)
    for source, out in ((beside, beside), (images, labels)):
        before = {path: path.read_bytes() for path in out.iterdir()}
        done = _predict(source, out)
        assert done.returncode == 2, done.stderr
        assert "cell_2_label.tiff" in done.stderr
        assert {path: path.read_bytes() for path in out.iterdir()} == before
    masks = tmp_path / "masks"
    assert _predict(images, masks).returncode == 0
    assert _predict(images, masks).returncode == 0
    write_mask(masks / "cell_1_label.tiff", cells(seed=9)[1])
    corrected = (masks / "cell_1_label.tiff").read_bytes()
    done = _predict(images, masks)
    assert done.returncode == 2
    assert "cell_1_label.tiff, changed since cellbench wrote it" in done.stderr
    assert (masks / "cell_1_label.tiff").read_bytes() == corrected


def test_predict_says_what_it_passes_over(tmp_path: Path) -> None:
    images = make_dataset(tmp_path / "data") / "Tuning/images"
    for name in ("a.czi", "b.nd2", "c.lif", "d.gif"):
        (images / name).touch()
    (images / "nested").mkdir()
    (images / ("n" * 245 + ".png")).touch()
    done = _predict(images, tmp_path / "masks")
    assert done.returncode == 3, done.stderr
    assert "4 files of other formats (a.czi, b.nd2, c.lif and 1 more) and 1 folder" in done.stderr
    assert "unreadable: the name is too long" in done.stderr
    assert "2 of 3 images have a mask" in done.stderr


@pytest.mark.parametrize("mine", ["scores.csv", "models/unet.pth", "report/index.html", ".lock"])
def test_a_run_takes_no_folder_in_which_something_would_be_lost(tmp_path: Path, mine: str) -> None:
    data, out = make_dataset(tmp_path / "data"), tmp_path / "thesis"
    (out / mine).parent.mkdir(parents=True)
    (out / mine).write_text("mine")
    done = run_all(data, out, "empty")
    assert done.returncode == 2, done.stderr
    assert (out / mine).read_text() == "mine"
    (out / mine).rename(out / "notes.txt")
    assert run_all(data, out, "empty").returncode == 0
    assert (out / "notes.txt").read_text() == "mine"


def test_remarks_on_labels_and_the_manifest_reach_console_record_and_report(
    tmp_path: Path,
) -> None:
    data = make_dataset(tmp_path / "data")
    labels = data / "Tuning" / "labels"
    wrapped = cells()[1].copy()
    wrapped[wrapped == wrapped.max()] = 255
    write_mask(labels / "cell_1_label.tiff", wrapped)
    (data / "Tuning" / "manifest.csv").write_text("image,modality\nCELL_1.PNG,DIC\nx.png,DIC\n")
    done = run_all(data, tmp_path / "run", "oracle")
    assert done.returncode == 0, done.stderr
    record = (tmp_path / "run" / "run.json").read_text()
    report = (tmp_path / "run" / "report" / "index.html").read_text()
    for words in ("the last one that 8 bits hold", "x.png (line 3)", "CELL_1.PNG (line 2)"):
        for place in (done.stderr, record, report):
            assert words in place
    assert {row["modality"] for row in rows(tmp_path / "run")} == {"DIC", ""}
    assert "warning: oracle seed 0: cell_1.png: the prediction: the highest id" in done.stderr
    assert "oracle, seed 0: cell_1.png: the prediction: the highest id" in report


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run-all", "--data", "nowhere"], "No dataset folder nowhere"),
        (["run-all", "--data", "DATA", "--models", "unett"], "did you mean 'unet'"),
        (["run-all", "--data", "DATA", "--models", "unet"], "Nothing to train unet on"),
        (
            ["run-all", "--data", "DATA", "--models", "otsu", "--protocol", "x"],
            "Invalid value for '--protocol'",
        ),
        (["run-all", "--data", "DATA", "--models", "unet", "--profile", "x"], "no profile 'x'"),
        (["run-all", "--data", "DATA", "--models", "otsu", "--timeout", "x"], "'x' is no time"),
        (["run-all", "--data", "DATA", "--models", "otsu", "--out", "FILE/run"], "Cannot use"),
        (["run-all", "--data", "DATA", "--models", "otsu", "--out", "/proc/x"], "Cannot make"),
        (["run-all", "--data", "DATA", "--models", "some/image:1"], "use --runner docker"),
        (["run-all", "--wrong"], "No such option"),
        (["predict", "unet", "DATA", "OUT"], "No images in DATA"),
        (["predict", "unet", "DATA", "OUT", "--run", "nowhere"], "No weights in nowhere"),
        (["why", "DATA", "unet", "train"], "No run in"),
        (["train", "otsu", "--data", "DATA", "--out", "OUT"], "otsu does not learn"),
    ],
)
def test_a_wrong_call_says_what_and_what_to_do_and_writes_nothing(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    make_dataset(tmp_path / "DATA")
    (tmp_path / "FILE").write_text("a file")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    runner = [] if arguments[0] == "why" else ["--runner", "local"]
    done = run("harness", *arguments, *runner, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def _fill(path: Path) -> None:
    """Writes until the file system is full."""
    with suppress(OSError), path.open("wb", buffering=0) as stream:
        while stream.write(b"\0" * 4096):
            pass


def test_a_full_disk_ends_with_one_message_and_loses_nothing(tmp_path: Path) -> None:
    need(os.getuid() == 0, "needs root to mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small], check=True)
    try:
        data = make_dataset(tmp_path / "data", test=[f"c_{number}.png" for number in range(4)])
        first = run_all(data, small / "run", "oracle")
        assert first.returncode == 0, first.stderr
        filler = small / "filler"
        _fill(filler)
        full = run_all(data, small / "run", "oracle,otsu")
        assert full.returncode == 1
        assert f"The disk is full: {small}" in full.stderr
        assert "Traceback" not in full.stderr
        filler.unlink()
        last = run_all(data, small / "run", "oracle,otsu")
        assert last.returncode == 0, last.stderr
        assert "oracle seed 0: predict: reused" in last.stderr
    finally:
        subprocess.run(["umount", small], check=True)


def test_left_out_data_are_simulated(tmp_path: Path) -> None:
    done = run("harness", "run-all", "--models", "oracle", "--runner", "local", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run_folder = tmp_path / "runs" / "simulated-quick"
    record = json.loads((run_folder / "run.json").read_text())
    modalities = {image["modality"] for image in record["dataset"]["images"]}
    assert len(modalities) == 4


def test_why_tells_what_the_next_run_does(tmp_path: Path) -> None:
    folder = write_small_unet(tmp_path, steps=10)
    data, out = make_dataset(tmp_path / "data", train=6), tmp_path / "run"
    done = run_all(data, out, f"{NAME},oracle", "--profile", "tiny", cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    def why(model: str, step: str) -> str:
        told = run("harness", "why", out, model, step, cwd=tmp_path)
        assert told.returncode == 0, told.stderr
        return told.stdout

    assert "reuses it" in why(NAME, "predict")
    profile = folder / "profiles" / "tiny.yaml"
    profile.write_text(profile.read_text() + "# a word\n")
    assert "reuses it" in why(NAME, "predict")
    parent = folder / "profiles" / "quick.yaml"
    parent.write_text(parent.read_text().replace("clip_gradient: 5.0", "clip_gradient: 6.0"))
    told = why(NAME, "predict")
    assert "trains first" in told
    assert "profile changed" in told
    assert "reuses it" in why("oracle", "predict")

    write_mask(data / "Tuning/labels/cell_1_label.tiff", cells(seed=9)[1])
    told = why("oracle", "predict")
    assert "refuses this folder" in told
    assert "test images changed" in told
    assert run_all(data, out, "oracle", "--profile", "tiny", cwd=tmp_path).returncode == 2
