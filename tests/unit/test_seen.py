"""Test images that the weights which a model comes with had learned from are named."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from contract import sha256_file, write_json
from evaluator.report import build_report
from evaluator.runs.folder import SEEN_JSON
from evaluator.runs.read import read_seen
from evaluator.runs.records import SeenImage, SeenRecord
from harness.models.registry import choose_models
from harness.runners.local import LocalRunner
from harness.weights import fingerprints
from harness.weights.card import Fingerprints, Half, WeightsCard
from harness.work.seen import look_for_seen
from tests.unit.harness_items import Heard, context
from tests.unit.report_fixtures import NAMES, make_run


def card_of(prints: Fingerprints) -> WeightsCard:
    return WeightsCard(
        model="unet", title="U-Net", cellbench="0", commit=None, date="2026-01-01", command="make",
        profile="weights", seed=0, licence="Apache-2.0", data=(), left_out=(), data_sha256="",
        parameters=1, steps=1, stopped="finished", seconds=1.0, device="cpu", precision="fp32",
        thresholds=(0.5,), validation=(), tuning=(),
        half=Half(f1_single=(0.5,), f1_half=(0.5,), images=1, used=True), files={},
        fingerprints=prints, not_for=(),
    )  # fmt: skip


def test_a_run_that_starts_from_them_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = context(tmp_path, ["unet"], LocalRunner())
    shared = replace(shared, record=shared.record.model_copy(update={"profile": "shipped"}))
    test = shared.dataset.test[0]
    (tmp_path / "learned").mkdir()
    for pair in shared.dataset.train[:2]:
        shutil.copy(pair.image, tmp_path / "learned")
    Image.open(test.image).save(tmp_path / "learned/same.bmp")
    known = fingerprints.take({f"set {p.name}": p for p in (tmp_path / "learned").iterdir()})
    monkeypatch.setattr(fingerprints, "FOLDER", tmp_path / "prints")
    fingerprints.save(known, tmp_path / "prints/a.npz")
    prints = Fingerprints(file="a.npz", sha256=sha256_file(tmp_path / "prints/a.npz"), images=3)
    (unet,) = choose_models(["unet"])
    model = replace(unet, folder=tmp_path / "unet")
    (tmp_path / "unet/weights").mkdir(parents=True)
    write_json(tmp_path / "unet/weights/card.json", card_of(prints).model_dump(mode="json"))
    shared.run.root.mkdir(parents=True)
    heard = Heard()
    for _ in range(2):
        look_for_seen(shared, [model], heard)
    found = read_seen(shared.run.root)
    assert found is not None
    assert found.models == {"unet": (SeenImage(image=test.name, other="set same.bmp", equal=True),)}
    assert "1 of 2 test images is among those that the weights of unet had" in heard.lines[-1]
    written = (shared.run.root / SEEN_JSON).read_bytes()
    (tmp_path / "prints/a.npz").write_bytes(b"damaged")
    look_for_seen(shared, [model], heard)
    assert (shared.run.root / SEEN_JSON).read_bytes() == written
    monkeypatch.setattr(fingerprints, "FOLDER", tmp_path / "nowhere")
    (shared.run.root / SEEN_JSON).unlink()
    look_for_seen(shared, [model], heard)
    assert "note: test images were not looked for in unet's weights" in heard.lines[-1]


def test_the_report_warns_and_lists_them(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False)
    seen = SeenImage(image=NAMES[4], other="cells a.png", equal=False)
    record = SeenRecord(keys={"good": "0", "fair": "0"}, models={"good": (seen,), "fair": (seen,)})
    write_json(run / SEEN_JSON, record.model_dump(mode="json"))
    build_report(run, run / "report")
    text = (run / "report/report.md").read_text(encoding="utf-8").replace("\\", "")
    assert "1 of 12 test images is among those that the weights of good, fair had learned" in text
    assert "Test images that weights had learned from before this run" in text
    assert "| cell_00005.png | the same picture as | cells a.png | good, fair |" in text
