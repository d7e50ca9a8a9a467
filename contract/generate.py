"""The verb generate: labelled images and a line for each, whatever happens to single ones."""

import time
import traceback
from pathlib import Path
from typing import Any

from contract.dataset import labelled_pairs, pairs_sha256
from contract.errors import CallError, ExitCode, broken_off, is_out_of_memory, within_memory
from contract.events import Events
from contract.files import sha256_json, sha256_tree
from contract.names import label_name
from contract.protocol import GenerateCall, Generator, Sample
from contract.samples import Samples, checked
from contract.schema import GeneratedLine, GenerateOutcome, Masks, ModelCard
from contract.version import __version__


def generate(
    generator: type[Any],
    card: ModelCard,
    *,
    source: Path,
    out: Path,
    count: int,
    seed: int,
    masks: Masks | None,
    weights: Path | None,
    threads: int,
    events: Events,
) -> ExitCode:
    """Has `generator` make `count` labelled images out of the training folder `source`.

    Writes `out`/images/<stem>.png, `out`/labels/<stem>_label.tiff and, as each sample is finished,
    a line of `out`/generated.jsonl. Samples that an earlier call with the same seed, masks, weights
    and training images left there are kept, those that failed are tried again at the end, and what
    another call left is replaced. Returns 0 when there are `count` images and 3 when some failed
    or too many were dropped.

    Raises CallError before anything is written for a count below 1, a negative seed, a training
    folder that is none, a call that the generator cannot serve, and an output folder that cannot
    be written or holds such files of somebody else; OutOfMemory when the generator does not fit;
    and stops with what the system says when the disk is full: the lines before stand.
    """
    _refuse_numbers(count, seed)
    events.emit("started")
    pairs, warnings = labelled_pairs(source, seed)
    for warning in warnings:
        events.say(f"warning: {warning}")
    call = GenerateCall(
        pairs=tuple(pair for pair in pairs if pair.subset == "train"),
        held=tuple(pair for pair in pairs if pair.subset == "held") if card.needs_held else (),
        count=count,
        seed=seed,
        masks=masks,
        threads=threads,
    )
    samples = Samples(card.name, call, out)
    model = _prepared(generator, call, weights)
    data = pairs_sha256((*call.pairs, *call.held))
    learned = sha256_tree(weights) if weights else None
    samples.take_up(sha256_json([card.name, __version__, seed, masks, data, learned]))
    events.emit("loaded")
    for index in samples.wanted():
        events.emit("image", image=samples.image_name(index))
        line = _one(model, samples, index)
        if line.outcome in ("crashed", "out_of_memory"):
            events.say(f"{line.image}: {line.outcome}: {line.message}")
        events.progress("generate", samples.ended, count, line.image)
    samples.remove_surplus()
    made, dropped = samples.number("generated"), samples.number("dropped")
    beside = f"; {dropped} others were dropped" if dropped else ""
    events.say(f"{made} of {count} images generated{beside}")
    return ExitCode.DONE if made == count else ExitCode.FAILURES


def _refuse_numbers(count: int, seed: int) -> None:
    if count < 1:
        raise CallError(f"--count {count} asks for no image.", do="ask for one or more")
    if seed < 0:
        raise CallError(
            f"The seed {seed} is negative.",
            "random generators take whole numbers from 0 on",
            "choose another seed",
        )


def _prepared(generator: type[Any], call: GenerateCall, weights: Path | None) -> Generator:
    with within_memory(
        "Loading the generator ran out of memory",
        "it needs more than this machine or container was given",
        "give more memory",
    ):
        model: Generator = generator(weights, call.threads)
        model.prepare(call)
    return model


def _one(model: Generator, samples: Samples, index: int) -> GeneratedLine:
    """Makes one sample; whatever goes wrong with it becomes its line."""
    start = time.monotonic()
    sample: Sample | None = None
    outcome: GenerateOutcome
    try:
        sample = checked(model.generate(index), samples.known)
        outcome, message = "dropped" if sample.dropped else "generated", sample.message
    except (Exception, SystemExit) as error:  # a generator may do anything; the others go on
        traceback.print_exc()
        lacking = is_out_of_memory(error)
        outcome = "out_of_memory" if lacking else "crashed"
        message = f"no memory: {error}" if lacking else f"{type(error).__name__}: {error}"
    name = samples.image_name(index)
    try:
        if sample and outcome == "generated":
            samples.write(index, sample)
        line = GeneratedLine(
            image=name,
            label=label_name(name) if outcome == "generated" else None,
            outcome=outcome,
            method=samples.method,
            modality=sample.modality if sample else "",
            sources=sample.sources if sample else (),
            seconds=round(time.monotonic() - start, 4),
            score=sample.score if sample else None,
            message=message,
        )
        samples.record(index, line)
    except OSError as error:
        raise broken_off(error) from error
    return line
