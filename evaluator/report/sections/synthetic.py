"""How good the generated images of a run are, generator by generator."""

from evaluator.report.numbers import Numbers
from evaluator.report.quality import feature_csv, quality_blocks
from evaluator.report.section import Block, Part, Section, prose
from evaluator.runs.folder import RunFolder
from evaluator.synthetic.result import read_comparison

INTRODUCTION = (
    "How near the generated images come to real ones. Whether they help a model is another"
    " question, which training with and without them answers."
)


def section(numbers: Numbers) -> Section | None:
    """None when no generated images of this run were compared with real ones."""
    if numbers.data.source is None:
        return None
    parts: list[Block] = []
    files = {}
    for folder in RunFolder(numbers.data.source).qualities():
        generator, seed = folder.parent.parent.name, folder.parent.name
        name = f"{generator}_{seed}"
        comparison = read_comparison(folder)
        parts.append(
            Part(
                title=generator,
                note=seed.replace("seed", "seed "),
                blocks=quality_blocks(comparison, folder, name),
            )
        )
        files[f"{name}_every_feature"] = feature_csv(comparison)
    if not parts:
        return None
    return Section(
        id="synthetic",
        title="Generated images",
        blocks=(prose(INTRODUCTION), *parts),
        files=files,
    )
