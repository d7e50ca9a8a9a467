"""Run folders made by hand for the evaluator's tests."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from contract import label_name, sha256_file, stem, write_json, write_mask
from evaluator.runs.folder import INDEX_JSON, RunFolder
from evaluator.runs.records import (
    DatasetRecord,
    Hardware,
    LimitsRecord,
    ModelRecord,
    RunRecord,
    ScoreRecord,
    TestImage,
)
from evaluator.runs.words import DEFAULT_THRESHOLDS
from evaluator.scores.incomplete import withhold
from evaluator.scores.rows import rows_for, write_scores
from evaluator.scores.score import score_folders, score_pair
from evaluator.scores.truths import truth_sha256
from tests.unit.label_maps import Labels, squares

Kind = Literal["segmenter", "control", "foreign"]


def model_record(seeds: Sequence[int], kind: Kind = "segmenter") -> ModelRecord:
    """A model of a run, with nothing said of it but its seeds."""
    return ModelRecord(title="", kind=kind, verbs=(), seeds=tuple(seeds))


def write_run(
    root: Path,
    images: Mapping[str, Path],
    models: Mapping[str, ModelRecord] | None = None,
    *,
    thresholds: tuple[float, ...] = (0.5,),
    finished: bool = True,
    sha256: str = "",
    groups: Sequence[str] = (),
    truths: Mapping[str, str] | None = None,
    sparse: Collection[str] = (),
) -> None:
    """The run.json of a run that scored these images (name → label) with these models."""
    record = RunRecord(
        cellbench="0",
        commit=None,
        dirty=None,
        created="",
        updated="",
        finished=finished,
        command=(),
        profile="tiny",
        protocol="challenge",
        thresholds=thresholds,
        runner="local",
        runner_reason="",
        limits=LimitsRecord(memory=None, timeout_seconds=1),
        hardware=Hardware(cpu="", cores=1, memory_bytes=1),
        versions={},
        dataset=DatasetRecord(
            name="d",
            path="",
            sha256=sha256,
            split_sha256="",
            train_images=1,
            val_images=1,
            images=tuple(
                TestImage(
                    image=name,
                    image_path="",
                    label_path=str(label),
                    truth_sha256=(truths or {}).get(name, ""),
                    sparse=name in sparse,
                    strata={"group": groups[place]} if groups else {},
                )
                for place, (name, label) in enumerate(images.items())
            ),
        ),
        models=dict(models or {}),
    )
    root.mkdir(parents=True)
    RunFolder(root).run_json.write_text(record.model_dump_json(), encoding="utf-8")


TRUTH = squares((60, 60), *[(4 + 14 * i, 4 + 14 * j, 9, 9) for i in range(4) for j in range(4)])
"""16 square cells."""


def found(cells: int) -> Labels:
    """The first `cells` of the 16."""
    return np.where(cells >= TRUTH, TRUTH, 0).astype(np.uint16)


def scored(folder: Path, cells: Sequence[int | None], **options: Any) -> Path:
    """A folder of scores of model "m" that found so many cells of each image; None: no mask."""
    for number, count in enumerate(cells):
        write_mask(folder / "gt" / f"{number:02}.tif", TRUTH)
        if count is not None:
            write_mask(folder / "pred" / f"{number:02}.tif", found(count))
    score_folders(folder / "gt", folder / "pred", folder / "out", **{"model": "m", **options})
    return folder / "out"


def real_run(
    root: Path, cells: Sequence[int] = (16, 9, 12, 2), sparse: Collection[str] = ()
) -> Path:
    """A run whose masks, overlap tables, hashes and scores belong together.

    Model "m" found so many of the 16 cells of each image, the control "oracle" all; the truths
    lie beside the run in truth/. Of `sparse` images only some cells are said to be labelled.
    """
    images = {f"{place:02}.tif": root.parent / "truth" / f"{place:02}.tif" for place in range(4)}
    models = {"m": model_record((0,)), "oracle": model_record((0,), "control")}
    for label in images.values():
        write_mask(label, TRUTH)
    hashes = dict.fromkeys(images, truth_sha256(TRUTH))
    write_run(root, images, models, thresholds=(0.5, 0.7), truths=hashes, sparse=sparse)
    run, rows = RunFolder(root), []
    for model in models:
        index = {}
        for (image, label), count in zip(images.items(), cells, strict=True):
            mask = run.step(model, 0, "predict") / label_name(image)
            write_mask(mask, TRUTH if model == "oracle" else found(count))
            table = score_pair(label, mask).truth_table
            table.save(run.overlaps(model, 0) / f"{stem(image)}.npz")
            index[image] = [sha256_file(label), sha256_file(mask)]
            own = rows_for(table, model=model, image=image, thresholds=(0.5, 0.7))
            rows += withhold(own) if image in sparse else own
        write_json(run.overlaps(model, 0) / INDEX_JSON, index)
    write_scores(run.scores_csv, rows)
    return root


def score_record(**changes: Any) -> ScoreRecord:
    """score.json of two folders that nothing was odd about."""
    plain = ScoreRecord(
        cellbench="0",
        created="",
        model="good",
        truth="",
        predicted="",
        protocol="plain",
        border=True,
        thresholds=DEFAULT_THRESHOLDS,
        outcomes={},
        failures={},
        warnings={},
        faults={},
        unpaired=(),
        masks={},
        versions={},
    )
    return plain.model_copy(update=changes)
