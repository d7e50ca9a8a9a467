"""Where the numbers come from: command, machine, versions and hashes."""

import shlex

from evaluator.report.data import ReportData
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note
from evaluator.report.tables import MODEL, Column, Row, Table, compact, facts_table
from evaluator.report.units import memory

SCORES_ALONE = "The report was made from scores alone; nothing is known of the run behind them."


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
    isolation = (
        "none: models ran as processes of this machine, with its network and files in reach"
        if run.runner == "local"
        else "containers without network, with a read-only root and without capabilities"
    )
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
        ("Isolation", isolation),
        ("Memory limit of a step", run.limits.memory or "none"),
        ("Time-out of a step", f"{run.limits.timeout_seconds:g} s"),
        ("Processor", f"{hardware.cpu}, {hardware.cores} cores"),
        ("Memory", memory(hardware.memory_bytes)),
        ("GPU", ", ".join(hardware.gpus) or "none"),
        ("Dataset, SHA-256", run.dataset.sha256),
        ("Split, SHA-256", run.dataset.split_sha256),
        ("Versions", ", ".join(f"{k} {v}" for k, v in sorted(run.versions.items()))),
    ]
    return facts_table("provenance", "The run", pairs)


def _hashes(data: ReportData) -> Table | None:
    """The exact sources, image and weights of every model."""
    if data.run is None:
        return None
    weights = {
        model.name: [
            f"seed {run.seed}: {run.weights_sha256}" if len(model.runs) > 1 else run.weights_sha256
            for run in model.runs
            if run.weights_sha256
        ]
        for model in data.models
    }
    rows = tuple(
        Row(
            cells=(
                name,
                ", ".join(str(seed) for seed in record.seeds),
                record.sources_sha256,
                record.image,
                record.image_digest,
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
            Column(label="Weights, SHA-256", kind="text", optional=True),
        ),
        rows=rows,
    )
