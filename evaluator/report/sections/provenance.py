"""Where the numbers come from: command, machine, versions and hashes."""

import shlex
from collections.abc import Callable, Mapping

from evaluator.report.data import ReportData, SeedRun
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note
from evaluator.report.tables import MODEL, Column, Row, Table, compact, facts_table
from evaluator.report.units import memory
from evaluator.runs.records import RunRecord
from evaluator.runs.words import RunnerName

FREEDOMS = {
    "root": "ran as the image's own user",
    "write": "could write to its own files",
    "home": "had its own HOME",
}
OWN_CONTRACT = "cellbench-1"
SCORES_ALONE = "The report was made from scores alone; nothing is known of the run behind them."

ISOLATION: Mapping[RunnerName, str] = {
    "local": "none: models ran as processes of this machine, with its network and files in reach",
    "docker": "containers without network, with a read-only root and without capabilities",
    "apptainer": "containers of Apptainer without network, environment and home of the caller, on a"
    " read-only image",
}


def section(numbers: Numbers) -> Section:
    run = _run(numbers.data) or note(SCORES_ALONE)
    return Section(id="provenance", title="Provenance", blocks=blocks(run, _hashes(numbers.data)))


def _run(data: ReportData) -> Table | None:
    """What run.json records of the run, None without one."""
    run = data.run
    if run is None:
        return None
    commit = run.commit or "not known"
    if run.dirty:
        commit += ", with changes that were not committed"
    hardware = run.hardware
    pairs = [
        ("Command", shlex.join(run.command)),
        ("Run started", run.created),
        ("Last change", run.updated),
        ("State", "finished" if run.finished else "not finished"),
        ("cellbench", f"{run.cellbench}, commit {commit}"),
        ("Profile", run.profile),
        ("Protocol", run.protocol),
        ("Runner", f"{run.runner}: {run.runner_reason}"),
        ("Isolation", f"{ISOLATION[run.runner]}{_relaxed(run)}"),
        ("Memory limit of a step", run.limits.memory or "none"),
        *(("Not enforced", limit) for limit in run.limits.ignored),
        ("Time-out of a step", f"{run.limits.timeout_seconds:g} s"),
        ("Processor", f"{hardware.cpu}, {hardware.cores} cores"),
        ("Memory", memory(hardware.memory_bytes)),
        ("GPU", ", ".join(hardware.gpus) or "none"),
        ("Dataset, SHA-256", run.dataset.sha256),
        ("Split, SHA-256", run.dataset.split_sha256),
        ("Versions", ", ".join(f"{k} {v}" for k, v in sorted(run.versions.items()))),
    ]
    return facts_table("provenance", "The run", pairs)


def _relaxed(run: RunRecord) -> str:
    """How a sentence about isolation ends: what single models were given beyond it."""
    given = [
        f"{name} ({', '.join(FREEDOMS.get(one, one) for one in facts.relax)})"
        for name, facts in run.models.items()
        if facts.relax
    ]
    return f"; relaxed for {', '.join(given)}" if given else ""


def _hashes(data: ReportData) -> Table | None:
    """The exact sources, image and weights of every model."""
    if data.run is None:
        return None
    weights = _by_seed(data, lambda run: run.weights_sha256)
    images = _by_seed(data, _image)
    rows = tuple(
        Row(
            cells=(
                name,
                ", ".join(str(seed) for seed in record.seeds),
                record.sources_sha256,
                record.image,
                "; ".join(images.get(name, [])) or record.image_digest,
                record.contract if record.contract != OWN_CONTRACT else None,
                "; ".join(weights.get(name, [])),
            )
        )
        for name, record in data.run.models.items()
    )
    return compact(
        name="hashes",
        caption="Sources, images and weights of the models",
        columns=(
            MODEL,
            Column(label="Seeds", kind="text"),
            Column(label="Sources, SHA-256", kind="text"),
            Column(label="Image", kind="text", optional=True),
            Column(label="Image digest", kind="text", optional=True),
            Column(label="Contract", kind="text", optional=True),
            Column(label="Weights, SHA-256", kind="text", optional=True),
        ),
        rows=rows,
    )


def _image(run: SeedRun) -> str | None:
    return run.predict_usage.image_digest if run.predict_usage else None


def _by_seed(data: ReportData, fact: Callable[[SeedRun], str | None]) -> dict[str, list[str]]:
    """By model what its seeds used: once where it is the same, else seed by seed."""
    found: dict[str, list[str]] = {}
    for model in data.models:
        known = {run.seed: value for run in model.runs if (value := fact(run))}
        if len(known) == len(model.runs) and len(set(known.values())) == 1:
            found[model.name] = list(set(known.values()))
        else:
            found[model.name] = [f"seed {seed}: {value}" for seed, value in known.items()]
    return found
