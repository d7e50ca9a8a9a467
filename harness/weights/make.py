"""`make weights`: trains the models that come with weights, one after another, with cards.

Whatever is finished is kept: the gathered images, a training up to its last checkpoint, a model.
"""

import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from contract import (
    CallError,
    CellbenchError,
    TrainingRecord,
    __version__,
    label_name,
    label_stem,
    sha256_file,
    stem,
    write_json,
    write_text,
)
from contract.errors import run_cli
from contract.profiles import profile_names
from contract.start import CARD_JSON
from evaluator.runs.folder import TRAINING_JSON, RunFolder
from evaluator.runs.read import read_record
from evaluator.runs.words import DEFAULT_THRESHOLDS
from evaluator.scores.score import score_folders
from harness.datasets.folder import Dataset, Pair, load_dataset, split_training
from harness.models.provenance import commit
from harness.models.registry import Model, all_models, choose_models
from harness.weights import fingerprints
from harness.weights.card import (
    CARD_MD,
    Fingerprints,
    Half,
    LeftOut,
    Line,
    Source,
    WeightsCard,
    told_card,
)
from harness.weights.gather import OURS, SIMULATED, SOURCES, Row, gather, read_sources
from harness.weights.half import halve

PROFILE = "weights"
"""Beside each model that comes with weights: the settings by which they are trained."""
LICENCE = "Apache-2.0"
TOLERANCE = 0.01
"""By how much half precision may change a mean F1; else numbers are stored as they were trained."""
POOR = 0.5
"""F1 at IoU 0.5 on validation images below which a card warns."""
TRAIN_LIMIT = "48h"

F1 = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Making:
    """What all models of one call share."""

    dataset: Dataset
    rows: Sequence[Row]
    origins: Mapping[str, str]
    place: Path
    seed: int
    settings: tuple[str, ...]
    gpu: bool
    say: Callable[[str], None]

    @property
    def validation(self) -> tuple[Pair, ...]:
        """The training images that choose the best step and the decoding."""
        split = split_training(self.dataset.train)
        return tuple(pair for pair in self.dataset.train if split[pair.name] == "val")


def make(
    models: Sequence[Model],
    data: Path,
    place: Path,
    *,
    sources: Path = SOURCES,
    seed: int = 0,
    settings: Sequence[str] = (),
    gpu: bool = False,
    prints: Path = fingerprints.FOLDER,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Makes the weights of each model from the images below `data`; returns their folders.

    `place` keeps the gathered images and trainings. `settings` are overrides of the profile. Raises
    CellbenchError, with the models before finished, when a training or prediction fails.
    """
    rules = read_sources(sources)
    place = place.resolve()
    place.mkdir(parents=True, exist_ok=True)
    rows = gather(data.resolve(), place / "data", rules)
    making = Making(
        dataset=load_dataset(place / "data"),
        rows=rows,
        origins=rules.origins,
        place=place,
        seed=seed,
        settings=tuple(settings),
        gpu=gpu,
        say=say,
    )
    train, left = len(making.dataset.train), sum(bool(row.reason) for row in rows)
    say(f"{train} images to learn from, {left} left out: {place / 'data'}/excluded.csv")
    kept = _fingerprints(making, prints)
    return [_make_one(making, model, kept) for model in models]


def makers(names: Sequence[str] | None) -> list[Model]:
    """The named models, else all that have a profile for it; CallError for one that has none."""
    chosen = list(all_models().values()) if names is None else choose_models(names)
    able = [model for model in chosen if _has_profile(model)]
    lacking = [model.name for model in chosen if model not in able]
    if lacking and names is not None:
        raise CallError(
            f"{', '.join(lacking)} has no profile {PROFILE}.",
            do=f"add profiles/{PROFILE}.yaml beside its model.yaml",
        )
    return able


def _has_profile(model: Model) -> bool:
    return model.folder is not None and PROFILE in profile_names(model.folder / "profiles")


def _fingerprints(making: Making, folder: Path) -> Fingerprints:
    """Of the real images; simulated ones are nobody's test images."""
    images = {
        f"{pair.strata.get('source', '')} {pair.strata.get('original', '')}".strip(): pair.image
        for pair in making.dataset.train
        if not pair.name.startswith(SIMULATED)
    }
    known = fingerprints.take(images)
    path = folder / f"{making.dataset.train_sha256[:16]}.npz"
    fingerprints.save(known, path)
    return Fingerprints(file=path.name, sha256=sha256_file(path), images=len(known.names))


def _make_one(making: Making, model: Model, kept: Fingerprints) -> Path:
    assert model.folder is not None
    place = making.place / model.name
    run, data = place / "run", making.dataset.root
    words = ["train", model.name, "--data", str(data), "--out", str(run), "--profile", PROFILE]
    words += ["--seeds", str(making.seed), "--runner", "local", "--timeout", TRAIN_LIMIT]
    words += [word for text in making.settings for word in ("--set", text)]
    _harness(making, [*words, *(["--gpu"] if making.gpu else [])])
    step = RunFolder(run).step(model.name, making.seed, "train")
    record = read_record(step / TRAINING_JSON, TrainingRecord)
    if record is None:
        raise CellbenchError(f"The training in {step} left no {TRAINING_JSON}.")
    half, single = place / "half", step / "weights"
    shutil.rmtree(half, ignore_errors=True)
    halve(single, half)
    trained = _scores(making, model, making.validation, single, place / "validation-single")
    halved = _scores(making, model, making.validation, half, place / "validation-half")
    before, after = _mean(trained.values()), _mean(halved.values())
    fits = all(abs(one - other) <= TOLERANCE for one, other in zip(before, after, strict=True))
    if not fits:
        making.say(f"{model.name}: half precision changes F1 from {before} to {after}; not used")
    chosen, validation = (half, halved) if fits else (single, trained)
    tuning = _scores(making, model, making.dataset.test, chosen, place / "tuning")
    card = WeightsCard(
        model=model.name,
        title=model.card.title,
        cellbench=__version__,
        commit=_commit(),
        date=datetime.now(UTC).date().isoformat(),
        command=_command(model, making),
        profile=PROFILE,
        seed=making.seed,
        licence=LICENCE,
        data=_sources(making),
        left_out=_left_out(making.rows),
        data_sha256=record.data_sha256,
        parameters=record.parameters,
        steps=record.steps,
        stopped=record.stopped,
        seconds=record.seconds,
        device=record.device,
        precision=record.precision,
        thresholds=DEFAULT_THRESHOLDS,
        validation=_lines(making.validation, validation),
        tuning=_lines(making.dataset.test, tuning),
        half=Half(f1_single=before, f1_half=after, images=len(trained), used=fits),
        files={path.name: sha256_file(path) for path in sorted(chosen.iterdir())},
        fingerprints=kept,
        not_for=(),
    )
    card = card.model_copy(update={"not_for": _not_for(card)})
    return _put(model.folder / "weights", chosen, card, making.say)


def _put(target: Path, files: Path, card: WeightsCard, say: Callable[[str], None]) -> Path:
    """Moves the files and their card into the model's folder, in place of earlier ones."""
    aside = target.with_name(".weights-aside")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(files, aside)
    write_json(aside / CARD_JSON, card.model_dump(mode="json"))
    write_text(aside / CARD_MD, told_card(card))
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)
    size = sum(path.stat().st_size for path in target.iterdir())
    say(f"{target}: {size / 10**6:.1f} MB, validation and Tuning F1 in {CARD_MD}")
    return target


def _harness(making: Making, words: Sequence[str]) -> None:
    making.say(f"harness {shlex.join(words)}")
    done = subprocess.run([sys.executable, "-m", "harness.commands.cli", *words])
    if done.returncode not in (0, 3):  # 3: some images have no mask, and count 0
        raise CellbenchError(
            f"harness {words[0]} {words[1]} ended with exit code {done.returncode}.",
            do="see what it said above, then give the same command again: finished work is kept",
        )


def _scores(
    making: Making, model: Model, pairs: Sequence[Pair], weights: Path, place: Path
) -> dict[str, F1]:
    """F1 at each threshold by image, predicted as anybody would."""
    shutil.rmtree(place, ignore_errors=True)
    for kind in ("images", "labels"):
        (place / kind).mkdir(parents=True)
    for pair in pairs:
        shutil.copyfile(pair.image, place / "images" / pair.name)
        shutil.copyfile(pair.label, place / "labels" / label_name(pair.name))
    words = ["predict", model.name, str(place / "images"), str(place / "masks")]
    words += ["--weights", str(weights), "--runner", "local", "--timeout", TRAIN_LIMIT]
    _harness(making, [*words, *(["--gpu"] if making.gpu else [])])
    found = score_folders(place / "labels", place / "masks", place / "scores", model=model.name)
    values: dict[str, dict[float, float]] = defaultdict(dict)
    for row in found.rows:
        values[label_stem(row.image)][row.threshold] = row.f1
    return {
        name: tuple(of_image[threshold] for threshold in DEFAULT_THRESHOLDS)
        for name, of_image in values.items()
    }


def _mean(scores: Iterable[F1]) -> F1:
    columns = list(zip(*scores, strict=True))
    return tuple(round(sum(column) / len(column), 4) for column in columns)


def _lines(pairs: Sequence[Pair], scores: Mapping[str, F1]) -> tuple[Line, ...]:
    groups: dict[tuple[str, str, bool], list[F1]] = defaultdict(list)
    for pair in pairs:
        source, modality = pair.strata.get("source", ""), pair.strata.get("modality", "")
        learned = pair.strata.get("learned") != "no"
        if stem(pair.name) in scores:
            groups[source, modality, learned].append(scores[stem(pair.name)])
    return tuple(
        Line(
            source=source,
            modality=modality,
            images=len(found),
            f1=_mean(found),
            learned=learned,
        )
        for (source, modality, learned), found in sorted(groups.items())
    )


def _sources(making: Making) -> tuple[Source, ...]:
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for pair in making.dataset.train:
        of = pair.strata
        groups[of["source"], of.get("modality", ""), of["licence"]].append(pair.name)
    validation = {pair.name for pair in making.validation}
    return tuple(
        Source(
            name=name,
            modality=modality,
            licence=licence,
            origin=making.origins.get(name, OURS if name.startswith(SIMULATED) else ""),
            images=len(names),
            validation_images=len(validation & set(names)),
        )
        for (name, modality, licence), names in sorted(groups.items())
    )


def _left_out(rows: Iterable[Row]) -> tuple[LeftOut, ...]:
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in rows:
        if row.reason:
            counts[row.source, row.licence, row.reason] += 1
    return tuple(
        LeftOut(source=source, licence=licence, images=count, reason=reason)
        for (source, licence, reason), count in sorted(counts.items())
    )


def _not_for(card: WeightsCard) -> tuple[str, ...]:
    poor = [line for line in card.validation if line.f1[0] < POOR]
    unknown = sorted({line.modality for line in card.tuning if not line.learned})
    return (
        *(
            f"{line.modality} ({line.source}): F1@0.5 is {line.f1[0]:.2f} even on its validation"
            " images."
            for line in poor
        ),
        *(f"{modality}: no such image was learned from." for modality in unknown),
        (
            "Any other kind of image, stain or magnification than those of the table: look at the"
            " masks before you count on them."
        ),
        (
            "A comparison on images of the sources above: the weights have seen others like them,"
            " or the very same; a report marks those."
        ),
        "Stacks and movies as such: each plane is segmented by itself.",
    )


def _command(model: Model, making: Making) -> str:
    words = ["make", "weights", f"MODEL={model.name}"]
    words += [f"SEED={making.seed}"] if making.seed else []
    words += [f"SET={','.join(making.settings)}"] if making.settings else []
    return shlex.join(words)


def _commit() -> str | None:
    made = commit()
    return None if made.sha is None else f"{made.sha}{'+' if made.dirty else ''}"


def main(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Holds what sources.yaml names.")],
    model: Annotated[str, typer.Option(metavar="A,B", help="Default: all with the profile.")] = "",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Images and trainings.")] = Path(
        "runs/weights"
    ),
    seed: Annotated[int, typer.Option(help="Of the training.")] = 0,
    settings: Annotated[
        str, typer.Option("--set", metavar="KEY=VALUE,…", help="Override the profile.")
    ] = "",
    gpu: Annotated[bool, typer.Option("--gpu", help="Use this machine's GPU.")] = False,
) -> None:
    """Train the weights that come with the models, and write their cards."""
    made = make(
        makers([name for name in model.split(",") if name] or None),
        data,
        out,
        seed=seed,
        settings=[text for text in settings.split(",") if text],
        gpu=gpu,
        say=lambda text: typer.echo(text, err=True),
    )
    for folder in made:
        typer.echo(folder)


if __name__ == "__main__":
    run_cli(lambda: typer.run(main))
